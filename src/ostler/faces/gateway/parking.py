"""Requests that wait for their model, in order; pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting", bound=Hashable)


class Parking(Generic[Waiting]):
    """One line of waiting requests per model, and the models that the keeper has been told of.

    A model is wanted from the first time somebody asks until it is ready, refused or gone.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[Waiting, None]] = {}
        self._wanted: set[str] = set()

    def want(self, model: str) -> bool:
        """Say whether the keeper must be told; from now on it has been."""
        if model in self._wanted:
            return False
        self._wanted.add(model)
        return True

    def forget_want(self, model: str) -> bool:
        """Let the next request for the model be told again; say whether requests wait now."""
        self._wanted.discard(model)
        return model in self._lines

    def length(self, model: str) -> int:
        """Return how many requests wait for the model."""
        return len(self._lines.get(model, ()))

    def park(self, model: str, waiting: Waiting) -> None:
        """Put a request at the end of its model's line."""
        self._lines.setdefault(model, {})[waiting] = None

    def leave(self, model: str, waiting: Waiting) -> None:
        """Forget a request, wherever in the line it stands."""
        line = self._lines.get(model, {})
        line.pop(waiting, None)
        if not line:
            self._lines.pop(model, None)

    def release(self, model: str) -> list[Waiting]:
        """Return the whole line, first come first; nobody waits and nothing is wanted any more."""
        self._wanted.discard(model)
        return list(self._lines.pop(model, ()))

    def models(self) -> set[str]:
        """Return the models that are wanted or waited for."""
        return self._wanted | self._lines.keys()
