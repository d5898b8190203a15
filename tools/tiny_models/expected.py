"""What torch and transformers make of the saved models: the answers to compare with."""

from pathlib import Path

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tiny_models.embedder import embed
from tiny_models.recipe import ORG
from tiny_models.reranker import rerank

EXPECTED_CHATS = ["Say hello", "Say goodbye", "Say thanks", "Say moon"]
EXPECTED_TEXTS = [
    "The cat is near the dog.",
    "I saw a kitten and a puppy today.",
    "The server keeps a file on the disk.",
    "We talked about the rain and the wind.",
]
EXPECTED_QUERIES = ["Where is the cat?", "What is in the oven?"]
EXPECTED_DOCUMENTS = [
    "The server keeps a file on the disk.",
    "I saw an old cat near the dog.",
    "There was rain and wind today.",
    "She has a cake in the oven.",
]


def chat_case(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, content: str) -> dict:
    """Ask the chat model, always taking the likeliest token."""
    messages = [{"role": "user", "content": content}]
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    prompt_ids = prompt["input_ids"][0].tolist()
    answer_ids = output[0, len(prompt_ids) :].tolist()
    return {
        "messages": messages,
        "prompt_ids": prompt_ids,
        "answer_ids": answer_ids,
        "answer": tokenizer.decode(answer_ids, skip_special_tokens=True),
    }


def expected_chat(folder: Path) -> dict:
    """Reference answers of the chat model."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [chat_case(model, tokenizer, content) for content in EXPECTED_CHATS]
    return {"parameters": model.num_parameters(), "cases": cases}


def expected_embeddings(folder: Path) -> dict:
    """Reference embeddings, computed in double precision."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float64, add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [
        {
            "text": text,
            "token_ids": tokenizer(text).input_ids,
            "embedding": embed(model, tokenizer, [text])[0].tolist(),
        }
        for text in EXPECTED_TEXTS
    ]
    return {"parameters": model.num_parameters(), "dimensions": 32, "cases": cases}


def expected_ranking(folder: Path) -> dict:
    """Reference scores of the reranker, computed in double precision."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float64)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [
        {
            "query": query,
            "documents": EXPECTED_DOCUMENTS,
            "token_ids": [tokenizer(query, text).input_ids for text in EXPECTED_DOCUMENTS],
            "logits": [
                rerank(model, tokenizer, [query], [text]).item() for text in EXPECTED_DOCUMENTS
            ],
        }
        for query in EXPECTED_QUERIES
    ]
    return {"parameters": model.num_parameters(), "cases": cases}


@torch.inference_mode()
def expected_answers(output: Path) -> dict:
    """What torch and transformers make of the saved repositories."""
    hub = output / ORG
    return {
        f"{ORG}/tiny-llama": expected_chat(hub / "tiny-llama"),
        f"{ORG}/tiny-embed": expected_embeddings(hub / "tiny-embed"),
        f"{ORG}/tiny-rerank": expected_ranking(hub / "tiny-rerank"),
    }
