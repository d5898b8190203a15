"""What an engine's log says that is known to mean something; pure.

It is told to whoever asks and changes nothing: an engine that answers is well, whatever it wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ostler.core.logtimes import HEADER, Times
from ostler.nouns import Diagnosis

NUMBERS = re.compile(r"[0-9]+")
MOST_KINDS = 50_000  # of lines that are remembered with what they mean
Judge = Callable[[str], Diagnosis | None]


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the log: its number from 1, when it was written (seconds since 1970; None:
    nobody knows), and its text.
    """

    line: int
    at: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One meaning, and where the log says it, first and last."""

    cause: str
    what: str
    advice: str
    count: int
    first: Said
    last: Said


def lines_of(lines: Iterable[str], offset: float, first: int = 1) -> Iterable[Said]:
    """Give each line its number and its time; `offset` is in seconds east of UTC."""
    times = Times(offset)
    for number, text in enumerate(lines, first):
        yield Said(number, times.of(text), text)


def scan(lines: Iterable[Said], judge: Judge) -> list[Finding]:
    """Return what is known of these lines, the latest last. Lines of Ostler's own are no news."""
    found: dict[tuple[str, str], Finding] = {}
    known: dict[str, Diagnosis | None] = {}
    for said in lines:
        if HEADER.match(said.text):
            continue
        kind = NUMBERS.sub("0", said.text)  # an engine says the same again with other numbers
        if kind not in known:
            if len(known) >= MOST_KINDS:
                known.clear()
            known[kind] = judge(said.text)
        meant = known[kind]
        if meant is None:
            continue
        at = meant.cause, meant.what
        before = found.pop(at, Finding(*at, meant.advice, 0, said, said))
        found[at] = replace(before, count=before.count + 1, last=said)
    return list(found.values())


def engine_of(lines: Iterable[str], engines: Iterable[str]) -> str | None:
    """Return which of these engines a log is of, by the program of its latest start."""
    names = sorted(engines, key=len, reverse=True)
    found = None
    for line in lines:
        if HEADER.match(line):
            found = next((name for name in names if name in line.partition(": ")[2]), None)
    return found
