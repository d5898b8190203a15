"""The vocabulary: frozen values that every floor shares. No behaviour that waits.

Sizes are bytes, times are seconds. `None` means unknown, never zero and never a guess.

Making a frozen dataclass takes Python about 0.4 ms, so the nouns that `ostler ls` does not need
are made when one of them is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ostler.nouns.keeping import Format, KeptFile, Manifest, ModelRef, Task, Variant

if TYPE_CHECKING:
    from ostler.nouns.containers import Container, Image, Mount, Place
    from ostler.nouns.facts import (
        Estimate,
        LayerKind,
        Matrix,
        ModelFacts,
        Tensor,
        TensorTable,
        Term,
        WeightPart,
        Workload,
    )
    from ostler.nouns.finding import (
        Damage,
        Download,
        Found,
        Job,
        Listing,
        Planned,
        PullPlan,
        RemoteFile,
        Removal,
        SearchResults,
    )
    from ostler.nouns.recording import AccessKey, Attempt, Event, Use
    from ostler.nouns.running import (
        Choice,
        Device,
        Diagnosis,
        Hardware,
        Installed,
        LaunchSpec,
        Measurement,
        Placement,
        Scores,
        Served,
        SleepMode,
        Verdict,
    )

__all__ = [
    "AccessKey",
    "Attempt",
    "Choice",
    "Container",
    "Damage",
    "Device",
    "Diagnosis",
    "Download",
    "Estimate",
    "Event",
    "Format",
    "Found",
    "Hardware",
    "Image",
    "Installed",
    "Job",
    "KeptFile",
    "LaunchSpec",
    "LayerKind",
    "Listing",
    "Manifest",
    "Matrix",
    "Measurement",
    "ModelFacts",
    "ModelRef",
    "Mount",
    "Place",
    "Placement",
    "Planned",
    "PullPlan",
    "RemoteFile",
    "Removal",
    "Scores",
    "SearchResults",
    "Served",
    "SleepMode",
    "Task",
    "Tensor",
    "TensorTable",
    "Term",
    "Use",
    "Variant",
    "Verdict",
    "WeightPart",
    "Workload",
]

MADE_LATE = ("finding", "recording", "facts", "running", "containers")  # looked through so


def __getattr__(name: str) -> Any:
    for module in MADE_LATE if name in __all__ else ():
        found = getattr(import_module(f"ostler.nouns.{module}"), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
