"""The engines' own logs, for the control API: their last lines, and what is added to them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

from ostler import wiring
from ostler.core.fleet import REPLICA
from ostler.errors import UnknownModel
from ostler.ports import Engine
from ostler.settings import Settings

LOOK_EVERY = 0.25  # seconds
PIECE = 256 * 1024  # bytes that are read at once
LONGEST = 4000  # characters of one line; an engine may write anything


class Logs:
    """Reads engines' logs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._over = asyncio.Event()

    def path(self, model: str, replica: int) -> Path:
        """Return a log's file. Raises UnknownModel where there is none."""
        unit = model if replica == 1 else f"{model}{REPLICA}{replica}"
        path = wiring.log_path(self._settings, unit)
        if not path.is_file():
            raise UnknownModel(
                f"{unit} has no log: it has never been started here.",
                hint=f"ostler load {model} starts it",
            )
        return path

    def engines(self) -> tuple[Engine, ...]:
        """Return the engines that may have written them."""
        return wiring.engines(self._settings)

    def last(self, path: Path, lines: int) -> tuple[list[str], int]:
        """Return the last lines of a log, and where it ends. May block."""
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = max(0, end - PIECE)
            file.seek(start)
            found = _lines(file.read(end - start))
        whole = found if start == 0 else found[1:]
        return whole[-lines:], end

    async def follow(self, path: Path, at: int) -> AsyncIterator[tuple[str, list[str], int]]:
        """Yield ("more", lines, where they end) as a log grows, ("anew", ...) when it is begun
        anew; it ends with the server.
        """
        rest = b""
        while not self._over.is_set():
            size, added = await asyncio.to_thread(_read, path, at)
            if size < at:
                rest, at = b"", 0
                yield "anew", [], 0
                continue
            at += len(added)
            *whole, rest = (rest + added).split(b"\n")
            if len(rest) > PIECE:
                whole, rest = [*whole, rest], b""
            if whole:
                yield "more", [_line(one) for one in whole], at - len(rest)
            if not added:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), LOOK_EVERY)

    def close(self) -> None:
        """End whoever follows, so that nobody waits for the server to end."""
        self._over.set()


def _read(path: Path, at: int) -> tuple[int, bytes]:
    """Return the log's size now and what stands after a place in it."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(at)
            return size, file.read(PIECE) if size > at else b""
    except FileNotFoundError:
        return 0, b""


def _lines(data: bytes) -> list[str]:
    return list(_split(data))


def _split(data: bytes) -> Iterator[str]:
    *whole, rest = data.split(b"\n")
    yield from (_line(one) for one in whole)
    if rest:
        yield _line(rest)


def _line(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r")[:LONGEST]
