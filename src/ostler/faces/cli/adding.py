"""Adding a model to the catalogue: look it up, say what it needs, write it down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ostler import data
from ostler.core.needing import need
from ostler.faces.cli import show
from ostler.faces.cli.facts import look_up
from ostler.nouns import Workload
from ostler.settings import Settings
from ostler.verbs import catalogue

GB = 10**9


def add(
    settings: Settings, id: str, said: dict[str, Any], check: bool, endpoint: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Add a model and show the estimate, the smallest GPU, and where its files say otherwise."""
    entry = catalogue.plan_add(settings.home, id, said)
    different = []
    if check:
        found = look_up(settings, entry.repo, endpoint, False)
        if not entry.licence and found.origin.licence:
            said |= {"licence": found.origin.licence}
            entry = replace(entry, licence=found.origin.licence)
        different = catalogue.differences(entry, found.facts, found.origin.licence)
    estimate = need(entry, catalogue.facts(entry), Workload(entry.context), "soong")(1)
    least = _smallest(estimate.required)
    path = None if dry_run else catalogue.add(settings.home, id, said)
    if as_json:
        show.as_json(
            {
                "id": id,
                "added": not dry_run,
                "checked": check,
                "file": path,
                "total_bytes": estimate.total,
                "required_bytes": estimate.required,
                "minimum_gpu_gb": least,
                "differences": different,
            }
        )
        return
    if not check:
        show.note(f"Warning: nobody looked whether {entry.repo} exists.")
    for one in different:
        show.line(f"{one.code}: {one.what} The files win.")
    show.line(f"Estimated VRAM: {estimate.total / GB:.1f} GB (soong's rule of thumb)")
    show.line(f"Minimum GPU: {f'{least:g} GB' if least else 'no single GPU is large enough'}")
    show.line(f"Model '{id}' " + ("would be added." if dry_run else "added successfully!"))


def _smallest(required: int) -> float | None:
    """Return the GB of the smallest GPU, as sold, that holds so many bytes; None for none."""
    sizes = [gpu.memory_gb for gpu in data.gpus() if not gpu.unified]
    return min((size for size in sizes if size * GB >= required), default=None)
