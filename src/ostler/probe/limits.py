"""Memory and cores that this process may use: the machine's, or less where a cgroup says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ostler.core.hardware import cgroup_paths, limit, quota_cores, statistic


def text_of(path: Path) -> str | None:
    """Return a small file's text; None where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def memory(root: Path) -> tuple[int, int]:
    """Return (total, available) bytes; the tightest cgroup above this process counts."""
    import psutil

    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    for folder, names in _memory_groups(root):
        allowed = limit(text_of(folder / names[0]))
        used = limit(text_of(folder / names[1]))
        if allowed is None or used is None:
            continue
        cache = statistic(text_of(folder / "memory.stat"), names[2])  # given back when needed
        total = min(total, allowed)
        available = min(available, max(allowed - max(used - cache, 0), 0))
    return total, available


def cores(root: Path) -> int:
    """Return the cores this process may run on, at least one."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    mine = len(affinity(0)) if affinity else os.cpu_count() or 1
    quotas = [quota_cores(text) for text in _cpu_quotas(root)]
    return min([mine, *(quota for quota in quotas if quota is not None)])


def _memory_groups(root: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Yield each group's folder with the names of its limit, its use and its cache."""
    for folder in _groups(root, ""):
        yield folder, ("memory.max", "memory.current", "inactive_file")
    for folder in _groups(root, "memory"):
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        yield folder, names


def _cpu_quotas(root: Path) -> Iterator[str]:
    for folder in _groups(root, ""):
        yield text_of(folder / "cpu.max") or ""
    for folder in _groups(root, "cpu"):
        quota, period = text_of(folder / "cpu.cfs_quota_us"), text_of(folder / "cpu.cfs_period_us")
        yield f"{quota or ''} {period or ''}"


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the cgroup of this process and those above it; "" is the tree of version 2.

    Inside a container the path may be one of the host's: then only the mounted top is there.
    """
    path = cgroup_paths(text_of(root / "proc/self/cgroup") or "").get(controller)
    if path is None:
        return
    top, own = root / "sys/fs/cgroup" / controller, PurePosixPath(path.lstrip("/"))
    if ".." in own.parts:
        own = PurePosixPath()
    yield from (top / part for part in (own, *own.parents) if (top / part).is_dir())
