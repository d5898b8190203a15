"""What a running engine takes, as the system and the GPU's maker count it."""

from __future__ import annotations

import shutil
import subprocess

import psutil

from ostler.probe.gpus import PATIENCE

MIB = 2**20


def memory_of(pid: int) -> int | None:
    """Return the bytes of memory of a process and its children; None where it has gone.

    Pages that several of them share are counted once, where the system can say so (PSS).
    """
    total = 0
    for process in family(pid):
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total or None


def worked(pid: int) -> float | None:
    """Return the processor's seconds that a process and its children have used; None: it is gone.

    Those of children that have ended are among their parent's.
    """
    total, found = 0.0, False
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        found = True
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total if found else None


def gpu_memory_of(pid: int) -> int | None:
    """Return the bytes that a process and its children hold on NVIDIA GPUs; None if not known.

    Inside a container the driver may not know our process numbers.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    asked = "--query-compute-apps=pid,used_gpu_memory"
    try:
        said = subprocess.run(
            [program, asked, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    ours = {process.pid for process in family(pid)}
    return gpu_bytes(said, ours)


def gpu_bytes(said: str, pids: set[int]) -> int | None:
    """Add up the MiB of these processes in what nvidia-smi says; None where it names none."""
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines()]
    sizes = [
        int(size) * MIB
        for pid, size in (row for row in rows if len(row) == 2)
        if pid.isdecimal() and size.isdecimal() and int(pid) in pids
    ]
    return sum(sizes) or None


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its children; empty where it has gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
