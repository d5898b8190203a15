"""A hub repository with safetensors: weights, configuration and tokenizer."""

import json
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from tiny_models.corpus import CHATML
from tiny_models.recipe import BERT_CONTEXT


def merge_json(path: Path, **fields: object) -> None:
    """Set some fields of a JSON file that transformers has written."""
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, content | fields)


def write_json(path: Path, content: object) -> None:
    """Write JSON as hub repositories have it: indented, with a newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save_repository(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype
) -> None:
    """Round the weights for good, and write them with configuration and tokenizer."""
    model.to(dtype)
    # Small enough that the llama comes in several shards, as large models do.
    model.save_pretrained(folder, max_shard_size="600KB")
    tokenizer.save_pretrained(folder)
    # transformers 5 writes a class name that transformers 4 does not know.
    merge_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    # Every format is to say the same, so the GGUF files are written from the rounded weights.
    model.float()


def save_llama(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the chat model in BF16."""
    save_repository(folder, model, tokenizer, torch.bfloat16)
    # Beside chat_template.jinja, for readers that know only the older place.
    merge_json(folder / "tokenizer_config.json", chat_template=CHATML)


def save_bert(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write an embedder or reranker in F16."""
    save_repository(folder, model, tokenizer, torch.float16)
    # transformers 5 drops this field, and vLLM insists on it.
    merge_json(folder / "config.json", position_embedding_type="absolute")


def save_sentence_transformers(folder: Path) -> None:
    """Say how to pool, for sentence-transformers and the servers that follow it."""
    module = "sentence_transformers.models."
    names = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    modules = [
        {"idx": idx, "name": str(idx), "path": path, "type": module + name}
        for idx, (name, path) in enumerate(names.items())
    ]
    write_json(folder / "modules.json", modules)
    limits = {"max_seq_length": BERT_CONTEXT, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", limits)
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    pooling = {f"pooling_mode_{mode}": mode == "cls_token" for mode in modes}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32} | pooling)
