"""Which of a machine's devices a model fits on, and why or why not."""

from __future__ import annotations

from ostler.core.sizes import memory
from ostler.nouns import Device, Estimate, Hardware, Placement

GIB = 2**30
RESERVE_PERCENT = 10
MOST_RESERVED = 4 * GIB


def place(
    estimate: Estimate, hardware: Hardware, reserve: int | None = None
) -> tuple[Placement, ...]:
    """Return one placement per device, best first: fitting, then GPUs, then the most free room.

    Of memory that the operating system shares (CPU, Apple), `reserve` bytes stay free; by default
    10 % of all of it, at most 4 GiB.
    """
    found = [_placement(estimate, device, reserve) for device in hardware.devices]
    return tuple(sorted(found, key=_rank))


def reserved(device: Device, reserve: int | None = None) -> int:
    """Return the bytes of a device that are left to the operating system."""
    if device.kind not in ("cpu", "apple"):
        return 0
    if reserve is not None:
        return reserve
    return min(device.total_bytes * RESERVE_PERCENT // 100, MOST_RESERVED)


def room(device: Device, reserve: int | None = None) -> int:
    """Return the bytes of a device that models may take now."""
    return max(min(device.free_bytes, device.total_bytes - reserved(device, reserve)), 0)


def _placement(estimate: Estimate, device: Device, reserve: int | None) -> Placement:
    """Hold what is needed against what is free now and what the system leaves."""
    free = room(device, reserve)
    aside = " without what the system keeps" if free < device.free_bytes else ""
    fits = estimate.required <= free
    because = f"{memory(estimate.required)} needed, {memory(free)} free{aside}"
    if not fits:
        because += f": {memory(estimate.required - free)} too little"
    return Placement(device, estimate.required, fits, because)


def _rank(placement: Placement) -> tuple[bool, bool, int, int]:
    device = placement.device
    return (not placement.fits, device.kind == "cpu", -device.free_bytes, device.index)
