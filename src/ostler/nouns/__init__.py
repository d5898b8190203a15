"""The vocabulary: frozen values that every floor shares. No behaviour that waits.

Sizes are bytes, times are seconds. `None` means unknown, never zero and never a guess.

Making a frozen dataclass takes Python about 0.4 ms, so the half that `ostler ls` does not need
is made when one of its names is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ostler.nouns.keeping import (
    Damage,
    Format,
    Found,
    KeptFile,
    Listing,
    Manifest,
    ModelRef,
    Planned,
    PullPlan,
    RemoteFile,
    Removal,
    SearchResults,
    Task,
    Variant,
)

if TYPE_CHECKING:
    from ostler.nouns.running import (
        Choice,
        Device,
        Diagnosis,
        Estimate,
        Hardware,
        Installed,
        LaunchSpec,
        ModelFacts,
        Placement,
        Served,
        Tensor,
        TensorTable,
        Term,
        Verdict,
        Workload,
    )

__all__ = [
    "Choice",
    "Damage",
    "Device",
    "Diagnosis",
    "Estimate",
    "Format",
    "Found",
    "Hardware",
    "Installed",
    "KeptFile",
    "LaunchSpec",
    "Listing",
    "Manifest",
    "ModelFacts",
    "ModelRef",
    "Placement",
    "Planned",
    "PullPlan",
    "RemoteFile",
    "Removal",
    "SearchResults",
    "Served",
    "Task",
    "Tensor",
    "TensorTable",
    "Term",
    "Variant",
    "Verdict",
    "Workload",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ostler.nouns import running

    return getattr(running, name)
