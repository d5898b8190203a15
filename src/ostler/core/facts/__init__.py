"""Tensor tables and configuration -> what a model is. Nothing is taken from a file's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ostler.core.facts import config as config_file
from ostler.core.facts import gguf
from ostler.core.facts.counting import dominant_dtype, labels, parameters
from ostler.core.weights import of_tensors, packed, scheme
from ostler.nouns import Format, ModelFacts, Task, TensorTable

__all__ = ["described", "facts"]

# What an estimate and a choice of engine want to know, in the words of a sentence.
WANTED = {
    "architecture": "which architecture this is",
    "context_length": "how long a context it takes",
    "layers": "how many layers it has",
    "hidden": "how wide it is",
    "kv_heads": "how many key and value heads it has",
    "head_dim": "how wide a head is",
    "vocabulary": "how large its vocabulary is",
}


NEAR_PERCENT = 2  # between the weights a config.json describes and the files


def facts(
    format: Format,
    tables: Sequence[TensorTable],
    config: Mapping[str, Any] | None = None,
    *,
    tokenizer_config: Mapping[str, Any] | None = None,
    modules: Sequence[Mapping[str, Any]] | None = None,
    chat_template: bool = False,
    weight_bytes: int | None = None,
    whole: bool = True,
) -> ModelFacts:
    """Return what the files say of a model.

    `tables` are the headers of its weight files in shard order. `config`, `tokenizer_config` and
    `modules` (of sentence-transformers) are the JSON files of these names, None where absent;
    `chat_template` says that the repository holds one as a file of its own. `weight_bytes` is the
    size of the weight files; without it, that of the tensors. `whole` is False where not every
    header was read to its end: what only tensors tell is then unknown, and said to be.
    """
    if weight_bytes is None:
        weight_bytes = sum(tensor.nbytes for table in tables for tensor in table.tensors)
    if not whole:
        return _in_part(format, tables, config or {}, weight_bytes, chat_template)
    if format is Format.GGUF and tables:
        found = gguf.facts(tables, weight_bytes)
    else:
        found = config_file.facts(format, config, tokenizer_config, modules, labels(tables))
        count, unknown = parameters(tables, config or {})
        found = replace(
            found,
            parameters=count,
            weight_bytes=weight_bytes,
            dtype=dominant_dtype(tables),
            chat_template=found.chat_template or chat_template,
            unknown=found.unknown + unknown,
        )
    found = replace(found, parts=of_tensors(tables, found.layers))
    return replace(found, unknown=found.unknown + _missing(found))


def described(
    config: Mapping[str, Any], quantization: str | None = None, *, gguf: bool = False
) -> ModelFacts:
    """Return what a config.json alone says of a model, its weights under a quantization or its own.

    Nothing is known of its weights where the architecture's shapes are not known here, or the
    quantization is not.
    """
    found = config_file.facts(Format.SAFETENSORS, config, None, None, None)
    own = found.quantization or str(config.get("torch_dtype") or config.get("dtype") or "bf16")
    wanted = scheme(quantization or own, gguf)
    parts = packed(found, wanted) if wanted else ()
    return replace(
        found,
        parameters=sum(matrix.parameters for matrix in found.matrices) or None,
        weight_bytes=sum(part.bytes for part in parts),
        quantization=quantization or found.quantization,
        dtype="F16" if own in ("float16", "fp16") else "BF16",
        parts=parts,
    )


def _in_part(
    format: Format,
    tables: Sequence[TensorTable],
    config: Mapping[str, Any],
    weight_bytes: int,
    chat_template: bool,
) -> ModelFacts:
    """Return what the beginnings of headers say, or config.json where its weights fit the files."""
    if format is Format.GGUF:
        found = gguf.facts(tables, weight_bytes)
        parts, quantization = found.parts, gguf.stated_quantization(tables)
        said = "The header was not read behind the vocabulary, so no tensor is known by itself."
        return replace(
            found, parameters=None, quantization=quantization, matrices=(), parts=parts,
            task=found.task or Task.CHAT, tied=False, unknown=(said,),
        )  # fmt: skip
    found = described(config)
    near = abs(found.weight_bytes - weight_bytes) * 100 <= NEAR_PERCENT * weight_bytes
    said = "Not every header was read: the shapes are those that config.json describes."
    return replace(
        found,
        weight_bytes=weight_bytes,
        parts=found.parts if near else (),
        chat_template=chat_template,
        unknown=(*found.unknown, said),
    )


def _missing(found: ModelFacts) -> tuple[str, ...]:
    where = "GGUF header" if found.format is Format.GGUF else "config.json"
    return tuple(
        f"The {where} does not say {what}."
        for name, what in WANTED.items()
        if getattr(found, name) is None
    )
