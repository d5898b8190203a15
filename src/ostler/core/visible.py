"""Which GPUs a process sees: the environment that says so to CUDA and to ROCm."""

from __future__ import annotations

from collections.abc import Sequence

VARIABLES = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "HIP_VISIBLE_DEVICES"}


def visible(devices: Sequence[str]) -> dict[str, str]:
    """Return the variables for these devices (`nvidia:0`); none where all may be used."""
    seen: dict[str, list[str]] = {}
    for device in devices:
        kind, _, index = device.partition(":")
        if kind in VARIABLES:
            seen.setdefault(VARIABLES[kind], []).append(index)
    return {name: ",".join(indices) for name, indices in seen.items()}
