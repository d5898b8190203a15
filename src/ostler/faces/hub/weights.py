"""What the Hub tells of a model's weights: parameters by type, read from the files' headers."""

from __future__ import annotations

import os
from collections import Counter
from functools import lru_cache
from math import prod
from typing import Any

from ostler.core.headers import NeedMore, read
from ostler.errors import CorruptFile
from ostler.faces.hub.repos import HubFile, Snapshot
from ostler.nouns import Format, TensorTable

FIRST_READ = 128 * 1024  # bytes; holds the header of most shards
GROWTH = 4  # each further read reaches so many times as far
MANY = 200  # shards; a repository with more is several models, and no count of one


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Return `safetensors` and `gguf` as a model's page has them, where the files are here."""
    shards = _named(snapshot, ".safetensors")
    ggufs = _named(snapshot, ".gguf")
    found: dict[str, Any] = {}
    if 0 < len(shards) <= MANY and (counted := _counted(shards)):
        found["safetensors"] = {"parameters": dict(counted), "total": sum(counted.values())}
    if ggufs and (told := _gguf(*_key(ggufs[0]))):
        found["gguf"] = told
    return found


def _named(snapshot: Snapshot, ending: str) -> list[HubFile]:
    return [file for path, file in snapshot.files.items() if path.endswith(ending)]


def _key(file: HubFile) -> tuple[str | None, int, str]:
    return file.location, file.size, file.oid


def _counted(shards: list[HubFile]) -> Counter[str] | None:
    """Count the parameters of all shards by type; None where a shard is absent or damaged."""
    parameters: Counter[str] = Counter()
    for shard in shards:
        counted = _parameters(*_key(shard))
        if counted is None:
            return None
        parameters += counted
    return parameters


# What is remembered is a few numbers for each file, never a header: a vocabulary has megabytes.
# The git id is asked for as a part of the key, so that changed bytes are read again.


@lru_cache(maxsize=4096)
def _parameters(location: str | None, size: int, oid: str) -> Counter[str] | None:
    table = _table(location, size, Format.SAFETENSORS)
    if table is None:
        return None
    counted: Counter[str] = Counter()
    for tensor in table.tensors:
        counted[tensor.dtype] += prod(tensor.shape)
    return counted


@lru_cache(maxsize=512)
def _gguf(location: str | None, size: int, oid: str) -> dict[str, Any] | None:
    table = _table(location, size, Format.GGUF)
    if table is None:
        return None
    architecture = table.metadata.get("general.architecture")
    told = {
        "architecture": architecture,
        "context_length": table.metadata.get(f"{architecture}.context_length"),
        "chat_template": table.metadata.get("tokenizer.chat_template"),
    }
    total = sum(prod(tensor.shape) for tensor in table.tensors)
    return {"total": total} | {key: value for key, value in told.items() if value is not None}


def _table(location: str | None, size: int, format: Format) -> TensorTable | None:
    """Read a header; None where the file is not here, or is no weight file after all."""
    if location is None:
        return None
    try:
        with open(location, "rb", buffering=0) as file:
            wanted = FIRST_READ
            while True:
                table = read(format, os.pread(file.fileno(), wanted, 0), size)
                if not isinstance(table, NeedMore):
                    return table
                wanted = min(size, max(table.bytes, wanted * GROWTH))
    except (OSError, CorruptFile):
        return None
