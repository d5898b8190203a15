"""What the keeper must do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Fetch the model if need be, read its files, and report Sized or Failed."""

    unit: str
    less: bool = False  # it ran out of memory: ask for less context


@dataclass(frozen=True, slots=True)
class Start:
    """Start its engine on these devices, on all at once, and report Ready or Failed."""

    unit: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Have its engine give its memory back, and report Slept; one that cannot ends: Ended."""

    unit: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Have its engine take its memory again, and report Ready or Failed."""

    unit: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Let no gateway send it requests any more, and report Withdrawn."""

    unit: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End its engine, or its start, and report Ended."""

    unit: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer everybody who waits for this model."""

    model: str
    code: str  # as in errors.py
    what: str
    hint: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell the operator."""

    code: str
    what: str


Action = Size | Start | Sleep | Wake | Withdraw | Stop | Refuse | Warn
