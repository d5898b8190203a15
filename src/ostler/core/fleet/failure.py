"""Why a unit could not be had, as data of the error that said so."""

from __future__ import annotations

from typing import NamedTuple

from ostler.errors import (
    ContextTooLong,
    Contradiction,
    EngineFailed,
    EngineUnsupported,
    ImpossibleSplit,
    LicenceBlocked,
    UnsafeFormat,
    UnsupportedArchitecture,
)

# What stays as it is however often it is tried: somebody must change a wish, a file, an engine.
LASTING = frozenset(
    kind.code
    for kind in (
        ContextTooLong, Contradiction, EngineUnsupported, ImpossibleSplit, LicenceBlocked,
        UnsafeFormat, UnsupportedArchitecture,
    )
)  # fmt: skip


class Failure(NamedTuple):
    """What callers are told of it, and what the operator is."""

    why: str
    cause: str = ""  # a stable word, as in a Diagnosis
    code: str = EngineFailed.code  # as in errors.py
    hint: str = ""  # the next thing to try; empty: the engine's log

    @property
    def lasting(self) -> bool:
        """Say whether trying again mends nothing."""
        return self.code in LASTING
