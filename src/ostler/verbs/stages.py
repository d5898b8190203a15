"""Several stages that are done together or not at all, whatever ends the process in between.

Before a stage is begun, what was there before it is written down. A stage that fails is taken
back, with those before it. A kill leaves the notes: the same command goes on where it stopped,
and if it then fails, takes back what the killed one had done too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler.errors import OstlerError
from ostler.store import durable
from ostler.store.locks import hold


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. Doing it twice is doing it once."""

    name: str
    what: str  # a sentence, before it is done
    do: Callable[[], str]  # returns a sentence
    before: Callable[[], Any] = lambda: None  # what `undo` needs, as JSON has it
    undo: Callable[[Any], str] | None = None  # None: what it did stays, and is whole by itself


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a killed command had begun."""

    argv: tuple[str, ...]
    subject: str
    begun: tuple[str, ...]


Report = Callable[[str, str], None]  # (stage's name, a sentence)


def carry_out(
    home: Path, argv: Sequence[str], subject: str, stages: Sequence[Stage], report: Report
) -> None:
    """Do the stages in order; on any end but success, take back what was begun, the last first.

    Raises Busy while another process adds the same, and what a stage raises.
    """
    with hold(_lock(home, subject), wait=False):
        notes = _read(_file(home, subject))
        begun: dict[str, Any] = dict(notes.get("begun", {}))
        try:
            for stage in stages:
                if stage.name not in begun:
                    begun[stage.name] = stage.before()
                    _write(home, argv, subject, begun)
                report(stage.name, stage.do())
        except BaseException:
            with _undoing(home, subject):
                for stage in reversed(stages):
                    if stage.name in begun and stage.undo:
                        report(f"undo {stage.name}", stage.undo(begun[stage.name]))
            raise
        _file(home, subject).unlink(missing_ok=True)


@contextmanager
def _undoing(home: Path, subject: str) -> Iterator[None]:
    """The notes go when everything is taken back; while that fails, they stay."""
    try:
        yield
    except OstlerError as error:
        error.add_note("What was begun could not be taken back; the same command goes on.")
        raise
    _file(home, subject).unlink(missing_ok=True)


def unfinished(home: Path) -> list[Unfinished]:
    """Return what killed commands had begun."""
    found = [_read(path) for path in sorted((home / "adding").glob("*.json"))]
    return [
        Unfinished(tuple(one["argv"]), str(one["subject"]), tuple(one["begun"]))
        for one in found
        if {"argv", "subject", "begun"} <= set(one)
    ]


def _write(home: Path, argv: Sequence[str], subject: str, begun: dict[str, Any]) -> None:
    said = {"argv": list(argv), "subject": subject, "begun": begun}
    durable.write(_file(home, subject), json.dumps(said, indent=1).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file(home: Path, subject: str) -> Path:
    name = hashlib.sha256(subject.encode()).hexdigest()[:24]
    return home / "adding" / f"{name}.json"


def _lock(home: Path, subject: str) -> Path:
    return _file(home, subject).with_suffix(".lock")
