"""What an engine says in its own log of the memory it takes.

llama.cpp prints MiB for each buffer and the device it is on (at verbosity 4 and above). vLLM
prints GiB, also where its older versions write GB, for one GPU of a tensor-parallel group; SGLang
writes GB for the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

MIB, GIB = 2**20, 2**30


class Part(NamedTuple):
    """Bytes of one part, on the device that the engine names."""

    component: str  # as in Measurement
    bytes: int
    device: str = ""  # the engine's own name for it: "CPU", "CUDA0"; empty: it does not say


class Said(NamedTuple):
    """What a log says: its parts, and the tokens that the KV cache holds.

    `kv_tokens` is None where the cache is as large as the workload asked for: vLLM gives it all
    the memory that is left.
    """

    parts: tuple[Part, ...] = ()
    kv_tokens: int | None = None


# `load_tensors: CPU_Mapped model buffer size = 0.72 MiB`, in older versions without "model".
BUFFER = re.compile(r"(\S+) +(?:(model|KV|RS|output|compute) +)?buffer size *= *([\d.]+) MiB")
LLAMACPP = {
    "model": "weights",
    "": "weights",
    "KV": "kv",
    "RS": "kv",  # what recurrent layers keep
    "output": "output_buffer",
    "compute": "compute_buffer",
}
NUMBER = r"([\d.]+) ?Gi?B"
VLLM = {
    "weights": re.compile(
        rf"(?:Model loading took|Loading model weights took|model weights take) +{NUMBER}"
    ),
    "non_torch": re.compile(rf"non_torch_memory(?: takes)? +{NUMBER}"),
    "activation": re.compile(
        rf"(?:PyTorch activation peak memory(?: takes)?|peak activation memory:?) +{NUMBER}"
    ),
    "kv": re.compile(
        r"(?:Available KV cache memory:|reserved for KV Cache is|available_kv_cache_memory) +"
        rf"{NUMBER}|(?:Explicitly|Auto) set \(([\d.]+)/[\d.]+\) GiB for KV cache"
    ),
    "graphs": re.compile(rf"Graph capturing finished in [\d.]+ secs?, took +{NUMBER}"),
}
KV_TOKENS = re.compile(r"[GC]PU KV cache size: ([\d,]+) tokens")
BLOCKS = re.compile(r"# (?:GPU|CUDA|cuda) blocks: (\d+)")
BLOCK_SIZE = re.compile(r"block_size=(\d+)")
BLOCK_TOKENS = 16  # vLLM's default on CUDA, where the log does not say


def read(engine: str, lines: Iterable[str]) -> Said:
    """Return what the log of a start says; nothing for an engine whose words are not known."""
    reader = READERS.get(engine)
    return reader(lines) if reader else Said()


def _llamacpp(lines: Iterable[str]) -> Said:
    """Add up the buffers by part and device: each shard and each kind of layer has its own."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        found = BUFFER.search(line)
        if found:
            device, kind, size = found.groups()
            which = LLAMACPP[kind or ""], _device(device)
            sums[which] = sums.get(which, 0) + round(float(size) * MIB)
    return Said(tuple(Part(part, size, on) for (part, on), size in sums.items() if size))


def _device(name: str) -> str:
    """Return the device of a buffer type: `CPU_Mapped` and `CUDA_Host` are the machine's memory."""
    return "CPU" if name.startswith("CPU") or name.endswith("_Host") else name


def _vllm(lines: Iterable[str]) -> Said:
    """Take the largest of what the ranks say: a term of an estimate is that of one GPU."""
    sizes: dict[str, int] = {}
    tokens = blocks = None
    block_tokens = BLOCK_TOKENS
    for line in lines:
        for part, pattern in VLLM.items():
            if found := pattern.search(line):
                said = next(group for group in found.groups() if group)
                sizes[part] = max(sizes.get(part, 0), round(float(said) * GIB))
        if found := KV_TOKENS.search(line):
            tokens = int(found[1].replace(",", ""))
        if found := BLOCKS.search(line):
            blocks = int(found[1])
        if found := BLOCK_SIZE.search(line):
            block_tokens = int(found[1])
    if tokens is None and blocks is not None:
        tokens = blocks * block_tokens
    return Said(tuple(Part(part, size) for part, size in sizes.items()), tokens)


SGLANG_WEIGHTS = re.compile(rf"Load weight end\..*mem usage={NUMBER}")
SGLANG_KV = re.compile(r"KV Cache is allocated\..*#tokens: (\d+), (.*size: .*GB)")
SIZE = re.compile(rf"size: {NUMBER}")


def _sglang(lines: Iterable[str]) -> Said:
    """Take the largest of what the ranks say; the cache is K and V, or both in one."""
    sizes: dict[str, int] = {}
    tokens = None
    for line in lines:
        if found := SGLANG_WEIGHTS.search(line):
            sizes["weights"] = max(sizes.get("weights", 0), round(float(found[1]) * GIB))
        if found := SGLANG_KV.search(line):
            said = sum(float(size) for size in SIZE.findall(found[2]))
            sizes["kv"] = max(sizes.get("kv", 0), round(said * GIB))
            tokens = int(found[1])
    return Said(tuple(Part(part, size) for part, size in sizes.items() if size), tokens)


READERS: dict[str, Callable[[Iterable[str]], Said]] = {
    "llamacpp": _llamacpp,
    "sglang": _sglang,
    "vllm": _vllm,
}
