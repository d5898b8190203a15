"""Rows of a table of measured memory, and what Ostler predicts for each from a config.json."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ostler.core.facts import described
from ostler.core.memory import PROFILES, estimate
from ostler.core.weights import scheme
from ostler.errors import OstlerError
from ostler.nouns import ModelFacts, Workload

GIB = 2**30
TABLE = Path(__file__).parents[1] / "src/ostler/data/calibration/measured_memory.csv"
PROFILE = {
    "ik_llama.cpp": "ik_llama.cpp",
    "llama.cpp": "llamacpp",
    "ollama": "llamacpp",
    "gguf": "llamacpp",
    "checkpoint": "transformers",
    "vllm-gaudi-fork": "vllm-v0",
    "tensorrt_llm": "tensorrt-llm",
    "trtllm": "tensorrt-llm",
    "mlx-lm": "mlx",
}
STAND_IN = "vllm"  # for engines without a profile: weights and the cache are the model's own
OF_GGUF = ("ik_llama.cpp", "llamacpp")
HEADER_BYTES = 40  # of a GGUF file per word of its vocabulary: text, type, score and merges
CACHES = ("KV cache", "KV cache of windows", "cross-attention cache", "recurrent state")
TERMS = {
    "weights": ("weights",),
    "kv": CACHES,
    "activation": ("activation peak", "activations"),
    "non_torch": ("non-torch",),
    "compute_buffer": ("compute buffer",),
    "graphs": ("CUDA graphs",),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: what was measured, of what, and the facts of its model."""

    row: Mapping[str, str]
    facts: ModelFacts | None
    family: str

    @property
    def component(self) -> str:
        """What is measured; the pool that vLLM makes is no cache that a model needs."""
        pool = self.row["component"] == "kv" and "kind=pool_available" in self.row["flags"]
        return "kv pool" if pool else self.row["component"]

    @property
    def bytes(self) -> float:
        return float(self.row["gib"]) * GIB

    @property
    def flags(self) -> dict[str, str]:
        parts = (part.partition("=") for part in self.row["flags"].split(";"))
        return {name.strip(): value for name, _, value in parts}

    @property
    def engine(self) -> str:
        name = self.row["engine"].lower()
        if name == "vllm":
            return "vllm-v0" if self.flags.get("generation") == "v0" else "vllm"
        profile = PROFILE.get(name, name)
        return profile if profile in PROFILES else STAND_IN


def read(table: Path, configs: Path) -> list[Measured]:
    """Return the rows of a table that give a size; `configs` holds an `org--name.json` each."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row["gib"] or 0) > 0]
    return [_measured({name: value or "" for name, value in row.items()}, configs) for row in rows]


def _measured(row: dict[str, str], configs: Path) -> Measured:
    place = configs / f"{row['model'].replace('/', '--')}.json"
    if not place.is_file():
        return Measured(row, None, "")
    config: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    bare = Measured(row, None, "")
    known = _facts(config, row["quant"], bare.engine in OF_GGUF)
    return Measured(row, known, known.family or "")


def _facts(config: dict[str, Any], quant: str, gguf: bool) -> ModelFacts:
    wanted = scheme(quant, gguf) if quant else None
    known = described(config, quant or None, gguf=gguf)
    return replace(known, weight_bytes=0, parts=()) if quant and wanted is None else known


def workload(one: Measured) -> Workload:
    """Return what was asked of the engine in this row, as far as the row says it."""
    flags, row = one.flags, one.row
    said = [(name, flags[name]) for name in ("prompt", "gpus") if flags.get(name)]
    said += [("mla", "")] if "mla" in flags else []
    said += [("no-mla", "")] if "no_mla" in flags else []
    said += [(name.replace("_", "-"), flags[name]) for name in
             ("max_num_seqs", "max_num_batched_tokens") if flags.get(name)]  # fmt: skip
    if re.search(r"no_SWA|swa.full|full,_\d+_cells", row["flags"]):
        said.append(("swa-full", ""))
    elif cells := re.search(r"(\d+)_cells", row["flags"]):
        said.append(("window-cells", cells[1]))
    default = "auto" if one.engine.startswith(("vllm", "sglang", "tensorrt")) else "f16"
    return Workload(
        context=int(float(row["ctx_tokens"])) if row["ctx_tokens"] else None,
        sequences=int(float(row["sequences"] or 1)),
        kv_dtype=row["kv_dtype"].lower() or default,
        tensor_parallel=int(float(row["tp"] or 1)),
        flags=tuple(said),
    )


def predicted(one: Measured) -> tuple[float | None, str]:
    """Return the bytes that Ostler says this row takes; None with the reason it says nothing."""
    if one.facts is None:
        return None, "no config.json"
    facts, part = one.facts, one.flags.get("part", "")
    if part:
        slides = part.startswith("sliding")
        kinds = [kind for kind in facts.layer_kinds
                 if (kind.kind in ("sliding", "chunked")) == slides]  # fmt: skip
        facts = replace(facts, layer_kinds=tuple(kinds))
    if one.component in ("weights", "file", "total") and not facts.parts:
        return None, f"the quantization {one.row['quant']!r} is not one that is known"
    if one.component in ("weights", "file") and not one.row["quant"]:
        return None, "the row does not say its quantization"
    if one.component == "file":
        header = (facts.vocabulary or 0) * HEADER_BYTES if one.engine in OF_GGUF else 0
        return sum(each.bytes for each in facts.parts) + header, ""
    if one.component == "kv" and not one.row["ctx_tokens"]:
        return None, "the row does not say for how many tokens"
    try:
        found = estimate(facts, workload(one), one.engine)
    except OstlerError as refusal:
        return None, refusal.what
    if one.component == "total":
        return _total(one, {term.name: term.bytes for term in found.terms}), ""
    names = TERMS.get(one.component)
    if names is None:
        return None, f"{one.component} is no component that is estimated"
    terms = [term.bytes for term in found.terms if term.name in names]
    return (float(sum(terms)), "") if terms else (None, "; ".join(found.notes))


def _total(one: Measured, terms: dict[str, int]) -> float:
    """Return the total that a row counts.

    Totals of transformers are peaks of torch's allocator, without Python and the CUDA context;
    those of vLLM marked `torch_peak` are weights and the activation peak.
    """
    if one.flags.get("kind", "").startswith("torch_peak"):
        return terms["weights"] + terms.get("activation peak", 0)
    return sum(size for name, size in terms.items() if name != "runtime")
