"""Embeddings and scores as values: what they say of lines beside each other; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from ostler.errors import RequestFailed, UsageError

MOST_LINES = 16  # a table of more is not read by anybody
MOST_DOCUMENTS = 100


@dataclass(frozen=True, slots=True)
class Embedded:
    """Lines with their vectors."""

    model: str
    lines: tuple[str, ...]
    vectors: tuple[tuple[float, ...], ...]
    seconds: float
    tokens: int | None

    @property
    def size(self) -> int:
        """Numbers in one vector."""
        return len(self.vectors[0])

    def table(self) -> list[list[float]]:
        """Return the cosine of each line with each."""
        return [[cosine(one, other) for other in self.vectors] for one in self.vectors]


@dataclass(frozen=True, slots=True)
class Scored:
    """A document, its score, and where it stood."""

    document: str
    score: float
    index: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """Documents as a model ranks them for a query, best first."""

    model: str
    query: str
    found: tuple[Scored, ...]
    seconds: float


def lines(text: str, most: int, what: str) -> tuple[str, ...]:
    """Return the lines that say something. Raises UsageError for none or too many."""
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise UsageError(f"There is no {what}.", hint="Write one on each line.")
    if len(found) > most:
        raise UsageError(f"{len(found)} {what}s are too many here; {most} are the most.")
    return found


def embedded(model: str, given: Sequence[str], said: Mapping[str, Any], seconds: float) -> Embedded:
    """Read what `/v1/embeddings` answered. Raises RequestFailed where that is not its shape."""
    try:
        rows = sorted(said["data"], key=lambda row: row["index"])
        vectors = tuple(tuple(map(float, row["embedding"])) for row in rows)
    except (KeyError, TypeError, ValueError):
        raise RequestFailed("The engine's answer is no list of vectors.") from None
    if len(vectors) != len(given) or len({len(vector) for vector in vectors}) != 1:
        raise RequestFailed(f"The engine gave {len(vectors)} vectors for {len(given)} lines.")
    used = (said.get("usage") or {}).get("prompt_tokens")
    return Embedded(model, tuple(given), vectors, seconds, used)


def ranked(
    model: str, query: str, documents: Sequence[str], said: Mapping[str, Any], seconds: float
) -> Ranked:
    """Read what `/v1/rerank` answered. Raises RequestFailed where that is not its shape."""
    try:
        found = [
            Scored(documents[row["index"]], float(row["relevance_score"]), row["index"])
            for row in said["results"]
        ]
    except (KeyError, TypeError, ValueError, IndexError):
        raise RequestFailed("The engine's answer is no list of scores.") from None
    best = sorted(found, key=lambda one: (-one.score, one.index))
    return Ranked(model, query, tuple(best), seconds)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two vectors, -1 to 1; 0 where one has no length."""
    lengths = math.hypot(*one) * math.hypot(*other)
    product = sum(map(mul, one, other))
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0
