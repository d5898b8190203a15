"""What the caller of `ostler add` said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ostler import wiring
from ostler.errors import OstlerError
from ostler.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller said."""

    model: str
    gpus: tuple[str, ...]
    context: int | None
    max_concurrent: int | None
    sequences: int | None
    alias: str | None
    engine: str | None
    into: Path | None
    service: str | None
    network: str | None
    port: int
    image: str | None
    engine_version: str | None
    up: bool
    endpoint: str | None


def id_of(settings: Settings, wish: Wish) -> str:
    """Return the model's own name once it is kept, else the name that was given."""
    try:
        return wiring.named(settings, wish.model).id
    except OstlerError:
        return wish.model
