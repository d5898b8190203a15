"""Counts that all workers see: who is being served, and how often a key has asked.

One table of 64-bit numbers in shared memory. A worker writes only its own row and adds up a
column to read, so there are no locks; a limit over N workers can be passed by N - 1 at the very
worst, when they all look at the same instant.
"""

from __future__ import annotations

import mmap

SLOTS = 16384  # keys, models and backends that can be counted at once
CELLS = 7
AT_ONCE, MINUTE, THIS, BEFORE, DAY, TOKENS, PARKED = range(CELLS)
TUNNELS = SLOTS * CELLS  # where a worker counts its open tunnels
ROW = TUNNELS + 1
NUMBER = 8  # bytes
MINUTE_SECONDS, DAY_SECONDS = 60, 86400


def size(workers: int) -> int:
    """Return how many bytes the table of so many workers takes."""
    return workers * ROW * NUMBER


class Counts:
    """One worker's view of the table."""

    __slots__ = ("_cells", "_mine", "_rows", "workers")

    def __init__(self, fd: int = -1, worker: int = 0, workers: int = 1) -> None:
        """Map the table; without a file (-1) it is this process's own."""
        self._cells = memoryview(mmap.mmap(fd, size(workers))).cast("q")
        self.workers = workers
        self._rows = range(0, workers * ROW, ROW)
        self._mine = worker * ROW

    def enter(self, slot: int, number: int = 1) -> None:
        """Count so many more that are being served, or may be at once."""
        self._cells[self._mine + slot * CELLS + AT_ONCE] += number

    def leave(self, slot: int, number: int = 1) -> None:
        """Count so many less."""
        self._cells[self._mine + slot * CELLS + AT_ONCE] -= number

    def at_once(self, slot: int) -> int:
        """Return how many are being served, by all workers."""
        at, cells = slot * CELLS + AT_ONCE, self._cells
        if len(self._rows) == 1:
            return cells[at]
        return sum(cells[row + at] for row in self._rows)

    def park(self, slot: int, change: int = 1) -> None:
        """Count one more, or with -1 one less, that waits for its model."""
        self._cells[self._mine + slot * CELLS + PARKED] += change

    def parked(self, slot: int) -> int:
        """Return how many wait for their model, with all workers."""
        at = slot * CELLS + PARKED
        return sum(self._cells[row + at] for row in self._rows)

    def tunnel(self, change: int = 1) -> None:
        """Count one more, or with -1 one less, open tunnel."""
        self._cells[self._mine + TUNNELS] += change

    def tunnels(self) -> int:
        """Return how many tunnels are open, with all workers."""
        return sum(self._cells[row + TUNNELS] for row in self._rows)

    def ask(self, slot: int, now: float, number: int = 1) -> None:
        """Count so many requests in this minute; `now` is in seconds since 1970."""
        cells, at, minute = self._cells, self._mine + slot * CELLS, int(now) // MINUTE_SECONDS
        if cells[at + MINUTE] != minute:
            passed = minute - cells[at + MINUTE]
            cells[at + BEFORE] = cells[at + THIS] if passed == 1 else 0
            cells[at + MINUTE], cells[at + THIS] = minute, 0
        cells[at + THIS] += number

    def take_back(self, slot: int, minute: int, number: int) -> None:
        """Count so many requests less in a minute in which they were counted."""
        cells, at = self._cells, self._mine + slot * CELLS
        if cells[at + MINUTE] == minute:
            cells[at + THIS] -= number
        elif cells[at + MINUTE] == minute + 1:
            cells[at + BEFORE] -= number

    def asked(self, slot: int, now: float) -> float:
        """Return the requests of the last sixty seconds, by all workers.

        The minute before is counted by the part of it that lies within them, as nginx and others
        estimate it: exact where requests are spread evenly over that minute.
        """
        cells, minute = self._cells, int(now) // MINUTE_SECONDS
        still = 1 - (now / MINUTE_SECONDS - minute)
        total = 0.0
        for row in self._rows:
            at = row + slot * CELLS
            if cells[at + MINUTE] == minute:
                total += cells[at + THIS] + cells[at + BEFORE] * still
            elif cells[at + MINUTE] == minute - 1:
                total += cells[at + THIS] * still
        return total

    def spend(self, slot: int, tokens: int, now: float) -> None:
        """Count tokens used today (UTC)."""
        cells, at, day = self._cells, self._mine + slot * CELLS, int(now) // DAY_SECONDS
        if cells[at + DAY] != day:
            cells[at + DAY], cells[at + TOKENS] = day, 0
        cells[at + TOKENS] += tokens

    def spent(self, slot: int, now: float) -> int:
        """Return the tokens used today, by all workers."""
        cells, at, day = self._cells, slot * CELLS, int(now) // DAY_SECONDS
        return sum(cells[row + at + TOKENS] for row in self._rows if cells[row + at + DAY] == day)

    def bury(self, worker: int) -> None:
        """Forget what a worker that died was serving; what it had counted stays."""
        row = worker * ROW
        for at in range(row, row + TUNNELS, CELLS):
            self._cells[at + AT_ONCE] = self._cells[at + PARKED] = 0
        self._cells[row + TUNNELS] = 0
