"""What somebody wants to fit: a choice that a link carries, and that the API is asked with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

CONTEXTS = tuple(2**power for power in range(9, 25))  # 512 to 16 M tokens
SEQUENCES = tuple(2**power for power in range(11))  # 1 to 1,024
MARGIN = 10  # percent
ABOUT = {
    "--context": "context", "--sequences": "sequences", "--kv-dtype": "kv", "--tp": "gpus",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, where it is to run, and what it is to carry. None is as usual."""

    model: str = ""
    gpu: str = ""  # empty: this machine
    gpus: int = 1  # that share each layer
    quantization: str = ""  # empty: as the model is
    what_if: bool = False  # the quantization is computed
    context: int | None = None
    sequences: int = 1
    kv: str = ""
    margin: int = MARGIN

    @property
    def query(self) -> dict[str, str]:
        """The choice as an address carries it; what is usual is left out."""
        found = {
            "model": self.model,
            "gpu": self.gpu,
            "gpus": str(self.gpus) if self.gpus > 1 else "",
            "quant": self.quantization,
            "whatif": "1" if self.what_if and self.quantization else "",
            "context": str(self.context or ""),
            "sequences": str(self.sequences) if self.sequences > 1 else "",
            "kv": self.kv,
            "margin": str(self.margin) if self.margin != MARGIN else "",
        }
        return {name: value for name, value in found.items() if value}

    @property
    def body(self) -> dict[str, Any]:
        """The choice as `POST /api/fits` takes it."""
        return {
            "model": self.model,
            "gpu": self.gpu or None,
            "tensor_parallel": self.gpus,
            "quantization": self.quantization or None,
            "what_if": self.what_if,
            "context": self.context,
            "sequences": self.sequences,
            "kv_dtype": self.kv or None,
            "margin_percent": self.margin,
        }

    def changed(self, what: str) -> Choice | None:
        """Return the choice with what the API offers to do otherwise; None where it is no flag.

        Offers read `--context 8032`, `--tp 2`, or `weights in q4_k_m`.
        """
        flag, _, value = what.partition(" ")
        if found := re.fullmatch(r"weights in (\S+)", what):
            return replace(self, quantization=found[1], what_if=True)
        name = ABOUT.get(flag)
        if name is None:
            return None
        return replace(self, kv=value) if name == "kv" else self.moved(name, int(value))

    def moved(self, name: str, value: int) -> Choice:
        """Return the choice with one of its numbers changed."""
        numbers: dict[str, Any] = {name: value}
        return replace(self, **numbers)


def of_query(query: Mapping[str, str]) -> Choice:
    """Read a choice from an address; what cannot be read is as usual."""
    return Choice(
        model=query.get("model", ""),
        gpu=query.get("gpu", ""),
        gpus=number(query.get("gpus"), 1, 64) or 1,
        quantization=query.get("quant", ""),
        what_if=bool(query.get("whatif")) and bool(query.get("quant")),
        context=number(query.get("context"), 1, 2**31),
        sequences=number(query.get("sequences"), 1, 2**20) or 1,
        kv=query.get("kv", ""),
        margin=_margin(query.get("margin")),
    )


def _margin(text: str | None) -> int:
    found = number(text, 0, 100)
    return MARGIN if found is None else found


def number(text: object, least: int, most: int) -> int | None:
    """Read a whole number between two others; None where it is none such."""
    try:
        found = int(str(text))
    except ValueError:
        return None
    return found if least <= found <= most else None


def steps(choices: Sequence[int], longest: int | None) -> list[int]:
    """Return the values of a slider, up to the longest, which is one itself."""
    if longest is None:
        return list(choices)
    return [*(one for one in choices if one < longest), longest]


def nearest(values: Sequence[int], wanted: int) -> int:
    """Return the place of the value that is nearest to what is wanted."""
    return min(range(len(values)), key=lambda place: abs(values[place] - wanted))
