"""What a GGUF header says of its model: the keys of llama.cpp's gguf-py `Keys.LLM`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.dtypes import FLOATS, GGML_BY_NAME, GGUF_FILE_TYPES
from ostler.core.facts.counting import dominant_dtype, elements
from ostler.core.facts.gguf_layers import layer_kinds, matrices
from ostler.nouns import Format, ModelFacts, Task, TensorTable

# Architectures that llama.cpp gives no KV cache: they read a whole text at once.
ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
POOLS = {1: "mean", 2: "first token", 3: "last token"}
RANK_POOLING = 4
RECURRENT = ("ssm.", "wkv.", "kda.", "shortconv.", "full_attention_interval")


def facts(tables: Sequence[TensorTable], weight_bytes: int) -> ModelFacts:
    """Return the facts of one model from the headers of its files, the first shard first."""
    metadata = tables[0].metadata
    architecture = metadata.get("general.architecture")
    architecture = architecture if isinstance(architecture, str) else None
    own = _own(metadata, architecture)
    heads, hidden = _same(own.get("attention.head_count")), _same(own.get("embedding_length"))
    key_length = _same(own.get("attention.key_length"))
    blocks, extra = _same(own.get("block_count")), _same(own.get("nextn_predict_layers")) or 0
    dtype, attention = dominant_dtype(tables), _attention(own, architecture)
    layers = blocks - extra if blocks else None  # draft layers have no KV cache here
    width = key_length or (hidden // heads if hidden and heads else None)
    names = {tensor.name for table in tables for tensor in table.tensors}
    return ModelFacts(
        format=Format.GGUF,
        architecture=architecture,
        task=_task(metadata, own, architecture, tables),
        parameters=elements(tables),
        weight_bytes=weight_bytes,
        dtype=dtype,
        quantization=_quantization(metadata.get("general.file_type"), dtype),
        context_length=_same(own.get("context_length")),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=_same(own.get("attention.head_count_kv", heads)),
        head_dim=width,
        vocabulary=_vocabulary(metadata, own),
        feed_forward=_feed_forward(own),
        attention=attention,
        chat_template="tokenizer.chat_template" in metadata,
        unknown=_unknown(metadata, tables),
        family=architecture,
        layer_kinds=(
            layer_kinds(own, architecture, layers, width, attention == "none")
            if architecture and layers
            else ()
        ),
        matrices=matrices(tables),
        tied="output.weight" not in names,
        experts=_same(own.get("expert_count")),
        experts_per_token=_same(own.get("expert_used_count")),
    )


def stated_quantization(tables: Sequence[TensorTable]) -> str | None:
    """Return the quantization that the file states, where its tensors were not read."""
    file_type = tables[0].metadata.get("general.file_type")
    named = GGUF_FILE_TYPES.get(file_type) if isinstance(file_type, int) else None
    return None if named is None or named.upper() in FLOATS else named


def _own(metadata: Mapping[str, object], architecture: str | None) -> dict[str, Any]:
    """Return the architecture's own keys, without its name in front."""
    front = f"{architecture}."
    return {
        key.removeprefix(front): value for key, value in metadata.items() if key.startswith(front)
    }


def _same(value: object) -> int | None:
    """Return a positive whole number, or the one that all layers share."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return value if type(value) is int and value > 0 else None


def _vocabulary(metadata: Mapping[str, object], own: Mapping[str, Any]) -> int | None:
    tokens: Any = metadata.get("tokenizer.ggml.tokens", ())
    counted = len(tokens) if hasattr(tokens, "__len__") else 0
    return _same(own.get("vocab_size")) or counted or None


def _feed_forward(own: Mapping[str, Any]) -> int | None:
    """Return the width of a layer's middle: of a mixture, that of the experts a token passes."""
    dense, experts = _same(own.get("feed_forward_length")), _same(own.get("expert_used_count"))
    one = _same(own.get("expert_feed_forward_length")) or dense
    return max(dense or 0, one * experts) if one and experts else dense


def _quantization(file_type: object, dtype: str | None) -> str | None:
    """Return the file's quantization; the tensors decide whether there is one at all."""
    if dtype is None or dtype in FLOATS:
        return None
    named = GGUF_FILE_TYPES.get(file_type) if isinstance(file_type, int) else None
    return dtype.lower() if named is None or named.upper() in FLOATS else named


def _attention(own: Mapping[str, Any], architecture: str | None) -> str | None:
    """Return what fills the KV cache: see ModelFacts.attention."""
    if architecture is None:
        return None
    if architecture in ENCODERS or own.get("attention.causal") is False:
        return "none"
    if "attention.kv_lora_rank" in own:
        return "latent"
    lengths = {own.get("attention.key_length"), own.get("attention.value_length")}
    kv_heads = own.get("attention.head_count_kv")
    uneven = isinstance(kv_heads, tuple) and len(set(kv_heads)) > 1
    shared = own.get("attention.shared_kv_layers") or "decoder_block_count" in own
    recurrent = any(key.startswith(RECURRENT) for key in own)
    if recurrent or uneven or shared or len(lengths) > 1 or "attention.key_length_swa" in own:
        return "varied"
    return "sliding" if own.get("attention.sliding_window") else "full"


def _task(
    metadata: Mapping[str, object],
    own: Mapping[str, Any],
    architecture: str | None,
    tables: Sequence[TensorTable],
) -> Task | None:
    """Return the task: a ranking head reranks, a pooling rule or an encoder embeds."""
    names = {tensor.name for table in tables for tensor in table.tensors}
    if metadata.get("general.type", "model") != "model" or "token_embd.weight" not in names:
        return None
    if own.get("pooling_type") == RANK_POOLING:
        return Task.RERANK
    if any(name.startswith("cls.output") for name in names):
        return Task.RERANK
    if own.get("pooling_type") in POOLS or architecture in ENCODERS:
        return Task.EMBED
    return Task.CHAT if own.get("attention.causal") is not False else Task.EMBED


def _unknown(metadata: Mapping[str, object], tables: Sequence[TensorTable]) -> tuple[str, ...]:
    said = []
    kind = metadata.get("general.type", "model")
    if kind != "model":
        said.append(f"This file is no model by itself but of the kind {kind!r}.")
    if metadata.get("split.count", len(tables)) not in (len(tables), 0):
        said.append(f"{len(tables)} of {metadata['split.count']} parts were read.")
    types = {tensor.dtype for table in tables for tensor in table.tensors}
    said += [f"{name} is a tensor type this version does not know." for name in types - GGML_NAMES]
    return tuple(said)


GGML_NAMES = frozenset(GGML_BY_NAME)
