"""Devices whose memory is nearly taken, by us or by others."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.sizes import memory
from ostler.nouns import Device

MOST_PERCENT = 95  # taken, from which on the operator is told


def nearly_full(devices: Sequence[Device], most_percent: int = MOST_PERCENT) -> tuple[str, ...]:
    """Return a sentence for each device of whose memory so much is taken, or more."""
    return tuple(
        f"{device.id} ({device.name}) has {memory(device.free_bytes)} of "
        f"{memory(device.total_bytes)} free: {_taken(device)} % is taken."
        for device in devices
        if device.total_bytes and _taken(device) >= most_percent
    )


def _taken(device: Device) -> int:
    return 100 * (device.total_bytes - device.free_bytes) // device.total_bytes
