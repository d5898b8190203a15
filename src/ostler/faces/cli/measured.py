"""What the records know of a model: what it took, and how its downloads went."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ostler import wiring
from ostler.core.sizes import memory
from ostler.faces.cli import show
from ostler.faces.cli.facts import Known
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.nouns import Attempt, Measurement


def measured(settings: Settings, known: Known) -> tuple[Measurement, ...]:
    """Return what the model took, on any engine."""
    from ostler.core.learning import newest

    if not wiring.has_records(settings):
        return ()
    with closing(wiring.records(settings)) as records:
        found = records.measurements.of(known.origin.name)
    return tuple(newest(one for one in found if one.variant in (known.variant.name, "")))


def tried(settings: Settings, known: Known) -> tuple[Attempt, ...]:
    """Return the tries to download the model, oldest first."""
    if not wiring.has_records(settings):
        return ()
    with closing(wiring.records(settings)) as records:
        return records.attempts.of(known.origin.name)


def show_measured(found: Sequence[Measurement]) -> None:
    """Print what a model took, part by part."""
    if not found:
        return
    show.line()
    show.table(
        ("MEASURED", "MEMORY", "ON", "WITH", "CONTEXT", "SEQUENCES", "SAID BY", "WHEN"),
        [
            (one.component, memory(one.bytes), one.device or "-",
             f"{one.engine} {one.version}".rstrip(), str(one.context or "-"),
             str(one.sequences or "-"), one.source, one.at[:10])
            for one in found
        ],
        right=(1, 4, 5),
        spare=("SAID BY", "SEQUENCES", "WHEN"),
    )  # fmt: skip


def show_tried(found: Sequence[Attempt]) -> None:
    """Print how often a download was tried, and why the last failure was one."""
    if not found:
        return
    failed = [one for one in found if one.outcome == "failed"]
    last = found[-1]
    rows = [("downloads", f"{len(found)} tried, {len(failed)} failed; the last {last.outcome}")]
    if failed:
        rows.append(("last error", f"{failed[-1].at[:19]}Z {failed[-1].code}: {failed[-1].what}"))
    show.pairs(rows)
