"""A map that changes by copying one shelf of it, so that a step costs little beside many models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar
from zlib import crc32

V = TypeVar("V")
SHELVES = 64


class Shelves(Mapping[str, V], Generic[V]):
    """An unchanging map of names; `put` returns another one that shares all shelves but one."""

    __slots__ = ("_shelves",)

    def __init__(self, shelves: tuple[Mapping[str, V], ...] = ({},) * SHELVES) -> None:
        self._shelves = shelves

    def put(self, name: str, value: V) -> Shelves[V]:
        """Return the map with this value under the name."""
        place = crc32(name.encode()) % SHELVES
        shelves = list(self._shelves)
        shelves[place] = {**shelves[place], name: value}
        return Shelves(tuple(shelves))

    def __getitem__(self, name: str) -> V:
        return self._shelves[crc32(name.encode()) % SHELVES][name]

    def get(self, name: str, default: V | None = None) -> V | None:  # type: ignore[override]
        """Return the value under the name."""
        return self._shelves[crc32(name.encode()) % SHELVES].get(name, default)

    def __iter__(self) -> Iterator[str]:
        for shelf in self._shelves:
            yield from shelf

    def __len__(self) -> int:
        return sum(map(len, self._shelves))
