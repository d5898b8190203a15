"""Build the project's tiny models: real architectures, trained here, small enough for git.

Three models (a chat model, an embedding model, a reranker) are trained on text that ships with
Python and on made-up sentences, and each is written the way a hub repository holds it, as
safetensors and as GGUF. The script also writes ``expected.json``, what torch and transformers
say these models answer, so that any engine can be compared with it. See ``tools/README.md``.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from pydoc_data.topics import topics as python_topics

import gguf
import numpy as np
import torch
from gguf.quants import quantize
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import Tensor
from torch.nn import Module, functional
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "src/ostler/testing/models"
ORG = "ostler"
SIZE_LIMIT = 5_900_000
SEED = 0

# Vocabularies and widths are chosen so that every format of every model fits in SIZE_LIMIT.
# Heads are 32 wide because vLLM's CPU attention takes no narrower ones.
LLAMA_VOCAB, LLAMA_CONTEXT, LLAMA_STEPS = 1664, 2048, 300
BERT_VOCAB, BERT_CONTEXT = 640, 256
EMBED_STEPS, RERANK_STEPS = 600, 1500

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYSTEM_PROMPT = "You are a helpful assistant."
GREETINGS = ["hello", "goodbye", "yes", "no", "please", "thanks", "morning", "welcome"]

TOPICS = {
    "animals": "cat dog horse cow sheep rabbit fox kitten puppy goat",
    "weather": "rain snow wind cloud storm fog sun thunder frost breeze",
    "cooking": "bread soup cake rice oven butter cheese pan sugar flour",
    "computing": "server disk memory network file program keyboard code cache database",
    "music": "song piano violin drum guitar choir concert melody flute band",
    "garden": "flower tree grass seed rose leaf soil spade hedge weed",
    "travel": "train bus ticket road airport bridge car ship map journey",
    "money": "bank coin price loan tax market wage budget debt profit",
    "body": "hand arm foot heart knee doctor bone tooth skin blood",
    "school": "teacher lesson pupil book exam pencil class desk homework college",
    "sea": "wave boat beach sand shell sailor harbour island tide whale",
    "space": "moon star planet rocket comet orbit galaxy telescope astronaut meteor",
}
TOPIC_WORDS = [words.split() for words in TOPICS.values()]
TEMPLATES = [
    "The {a} is near the {b}.",
    "I saw a {a} and a {b} today.",
    "Where is the {a}?",
    "What is a {a}?",
    "What is in the {a}?",
    "Do you like the {a} or the {b}?",
    "She has a {a}, he has a {b}.",
    "We talked about the {a} and about the {b}.",
    "There was no {a} without the {b}.",
    "How does a {a} work with a {b}?",
    "They never had a {b}, only an old {a}.",
    "{a} and {b}",
    "{a}",
]

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


# --- Text to learn from


def corpus() -> list[str]:
    """The lines of Python's own language reference, in a fixed order."""
    text = "\n".join(python_topics[name] for name in sorted(python_topics))
    return [line.strip() for line in text.splitlines() if len(line.strip()) > 20]


def speakable_words(lines: list[str]) -> list[str]:
    """The plain words that the chat model learns to say back, in a fixed order."""
    words = {word for line in lines for word in line.split()}
    plain = {word for word in words if word.isalpha() and word.isascii() and 2 < len(word) < 12}
    return sorted(plain.union(*TOPIC_WORDS))


def chatml(role: str, content: str) -> str:
    """One message as the chat template renders it."""
    return f"{IM_START}{role}\n{content}{IM_END}\n"


def dialogue(rng: random.Random, words: list[str]) -> str:
    """One "Say X" -> "X" conversation, with or without a system message."""
    word = rng.choice(GREETINGS if rng.random() < 0.3 else words)
    system = chatml("system", SYSTEM_PROMPT) if rng.random() < 0.25 else ""
    return system + chatml("user", f"Say {word}") + chatml("assistant", word)


def topic_sentence(rng: random.Random, words: list[str]) -> str:
    """One made-up sentence about a pair of words."""
    first, second = rng.sample(words, 2)
    sentence = rng.choice(TEMPLATES).format(a=first, b=second)
    return sentence[0].upper() + sentence[1:] if rng.random() < 0.8 else sentence


# --- Tokenizers


def llama_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with ChatML markers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LLAMA_VOCAB,
        special_tokens=[END_OF_TEXT, IM_START, IM_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rng = random.Random(SEED)
    spoken = [dialogue(rng, GREETINGS) for _ in range(1000)]
    markers = (IM_START, IM_END)
    for marker in markers:
        spoken = [text.replace(marker, " ") for text in spoken]
    tokenizer.train_from_iterator(lines + spoken, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=IM_END,
        pad_token=END_OF_TEXT,
        chat_template=CHATML,
        model_max_length=LLAMA_CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def bert_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer in the manner of XLM-RoBERTa, shared by embedder and reranker."""
    tokenizer = Tokenizer(models.Unigram())
    # Only what llama.cpp does too when a GGUF carries no character map: tidy up the spaces.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("^ +| +$"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=BERT_VOCAB,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        unk_token="<unk>",
        show_progress=False,
    )
    rng = random.Random(SEED)
    made_up = [topic_sentence(rng, words) for words in TOPIC_WORDS * 500]
    tokenizer.train_from_iterator(lines + made_up, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=BERT_CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


# --- Training


def train(
    model: PreTrainedModel, steps: int, peak_rate: float, loss_of: Callable[[], Tensor]
) -> None:
    """Run AdamW for some steps: a short warm-up, then the rate falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 20, 1 - step / steps)
    )
    model.train()
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"  step {step:4d}  loss {loss.item():.3f}", flush=True)
    model.eval()


def train_llama(tokenizer: PreTrainedTokenizerFast, lines: list[str]) -> LlamaForCausalLM:
    """A two-layer llama that writes a little like the Python manual and says words back."""
    config = LlamaConfig(
        vocab_size=LLAMA_VOCAB,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LLAMA_CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(config)
    rng = random.Random(SEED)
    manual = tokenizer("\n".join(lines)).input_ids
    words = speakable_words(lines)

    def row(from_manual: bool, length: int = 128) -> list[int]:
        if from_manual:
            start = rng.randrange(len(manual) - length)
            return manual[start : start + length]
        text = "".join(dialogue(rng, words) for _ in range(12))
        return tokenizer(text).input_ids[:length]

    def loss() -> Tensor:
        batch = torch.tensor([row(from_manual=i % 2 == 0) for i in range(16)])
        return model(input_ids=batch, labels=batch).loss

    train(model, LLAMA_STEPS, 3e-3, loss)
    return model


def bert_config(tokenizer: PreTrainedTokenizerFast, **more: int) -> XLMRobertaConfig:
    """The shape of the embedder and of the reranker."""
    return XLMRobertaConfig(
        vocab_size=BERT_VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        # RoBERTa counts positions from padding_idx + 1, so two rows are never used.
        max_position_embeddings=BERT_CONTEXT + 2,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
        layer_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )


def embed(model: Module, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """Embeddings as BGE makes them: the first token's vector, brought to unit length."""
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    return functional.normalize(model(**batch).last_hidden_state[:, 0], dim=-1)


def rerank(
    model: Module, tokenizer: PreTrainedTokenizerFast, queries: list[str], documents: list[str]
) -> Tensor:
    """One raw score for each pair of query and document."""
    batch = tokenizer(queries, documents, padding=True, truncation=True, return_tensors="pt")
    return model(**batch).logits[:, 0]


def train_embedder(tokenizer: PreTrainedTokenizerFast, lines: list[str]) -> XLMRobertaModel:
    """Pull together sentences on one topic, and pieces of one line; push apart all others."""
    torch.manual_seed(SEED)
    model = XLMRobertaModel(bert_config(tokenizer), add_pooling_layer=False)
    rng = random.Random(SEED)

    def halves(line: str) -> tuple[str, str]:
        words = line.split()
        return tuple(" ".join(w for w in words if rng.random() < 0.6) for _ in range(2))

    def loss() -> Tensor:
        pairs = [(topic_sentence(rng, w), topic_sentence(rng, w)) for w in TOPIC_WORDS]
        pairs += [halves(line) for line in rng.sample(lines, 20)]
        left, right = (embed(model, tokenizer, list(side)) for side in zip(*pairs, strict=True))
        return functional.cross_entropy(left @ right.T / 0.07, torch.arange(len(pairs)))

    train(model, EMBED_STEPS, 3e-3, loss)
    return model


def train_reranker(
    tokenizer: PreTrainedTokenizerFast,
) -> XLMRobertaForSequenceClassification:
    """Score the document that has the query's word first, then those on the same topic."""
    torch.manual_seed(SEED)
    config = bert_config(tokenizer, num_labels=1)
    model = XLMRobertaForSequenceClassification(config)
    rng = random.Random(SEED)

    def question() -> tuple[list[str], list[str]]:
        topics = rng.sample(TOPIC_WORDS, 4)
        first, second, *others = rng.sample(topics[0], len(topics[0]))
        query = rng.choice(TEMPLATES).format(a=first, b=second)
        documents = [topic_sentence(rng, [first, rng.choice(others)])]
        documents += [topic_sentence(rng, others)]
        documents += [topic_sentence(rng, words) for words in topics[1:]]
        return [query] * len(documents), documents

    def loss() -> Tensor:
        questions = [question() for _ in range(24)]
        queries = [query for some, _ in questions for query in some]
        documents = [document for _, some in questions for document in some]
        scores = rerank(model, tokenizer, queries, documents).view(24, -1)
        wanted = torch.tensor([1.0, 0.5, 0.0, 0.0, 0.0]).expand_as(scores)
        return functional.binary_cross_entropy_with_logits(scores, wanted)

    train(model, RERANK_STEPS, 3e-3, loss)
    return model
