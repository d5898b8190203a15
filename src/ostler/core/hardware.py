"""What tools and files say of a machine -> devices, limits, and notes on what cannot be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping

from ostler.nouns import Device

MIB = 2**20
NO_LIMIT = 2**60  # cgroup v1 writes "no limit" as a number near 2^63

# The columns asked of nvidia-smi; its answer repeats them in the first line, units behind.
NVIDIA_QUERY = ("index", "name", "memory.total", "memory.free", "driver_version")
CAPABILITY = "compute_cap"  # drivers before 510 know no such column, and then answer nothing at all


def nvidia_devices(text: str) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """Return the GPUs of `nvidia-smi --query-gpu=... --format=csv`, and a note per unread line.

    Columns are found by the names in the first line. Memory is in MiB.
    """
    rows = [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]
    if not rows:
        return (), ("nvidia-smi lists no GPU.",)
    titles = [title.split(" [")[0].strip() for title in rows[0]]
    if not {"name", "memory.total"} <= set(titles):
        return (), (f"nvidia-smi's answer cannot be read: {_shown(rows[0])}.",)
    devices, notes = [], []
    for number, row in enumerate(rows[1:]):
        device, note = _nvidia_device(dict(zip(titles, row, strict=False)), number)
        devices += [device] if device else []
        notes += [note] if note else []
    return tuple(devices), tuple(notes)


def _nvidia_device(cells: Mapping[str, str], number: int) -> tuple[Device | None, str | None]:
    name, index = cells.get("name", "").strip(), cells.get("index", str(number)).strip()
    total, free = _mebibytes(cells.get("memory.total")), _mebibytes(cells.get("memory.free"))
    if not name or total is None or not index.isdecimal():
        return None, f"nvidia-smi's line cannot be read: {_shown(cells.values())}."
    note = None
    if free is None:
        note = f"nvidia-smi does not say how much of GPU {index} is free; it counts as full."
    driver = cells.get("driver_version", "").strip() or None
    said = cells.get(CAPABILITY, "").strip()
    capability = float(said) if re.fullmatch(r"\d{1,2}\.\d", said, re.ASCII) else None
    here = min(free or 0, total)
    return Device("nvidia", int(index), name, total, here, driver, capability), note


def _mebibytes(text: str | None) -> int | None:
    """Return "81920 MiB" or "81920" in bytes; None for "[N/A]" and the like."""
    found = re.fullmatch(r"\s*(\d{1,12})(?:\s*MiB)?\s*", text or "", re.ASCII)
    return int(found[1]) * MIB if found else None


def _shown(cells: Iterable[str]) -> str:
    return repr(", ".join(cells)[:120])


def cgroup_paths(text: str) -> dict[str, str]:
    """Return where /proc/self/cgroup puts this process: controller -> path ("" is version 2)."""
    paths: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            paths |= dict.fromkeys(parts[1].split(","), parts[2])
    return paths


def limit(text: str | None) -> int | None:
    """Return a cgroup's limit as a number; None where there is none."""
    number = text.strip() if text else ""
    return int(number) if number.isdecimal() and int(number) < NO_LIMIT else None


def quota_cores(text: str | None) -> int | None:
    """Return the whole cores that "quota period" allows, rounded up; None for no quota."""
    words = (text or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None
    return max(1, -(-int(words[0]) // int(words[1])))


def statistic(text: str | None, name: str) -> int:
    """Return one line of a cgroup's memory.stat; 0 where it is not there."""
    found = re.search(rf"^{name} (\d+)$", text or "", re.MULTILINE | re.ASCII)
    return int(found[1]) if found else 0


def cpu_model(cpuinfo: str) -> str | None:
    """Return the processor's name as /proc/cpuinfo has it; None where it has none."""
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(\S.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else None
