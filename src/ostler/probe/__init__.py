"""Which processors and GPUs this machine has, and how much of each may be used."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from ostler.core.hardware import cpu_model
from ostler.nouns import Device, Hardware
from ostler.probe import gpus, limits

__all__ = ["probe"]


def probe(root: Path = Path("/")) -> Hardware:
    """Look at this machine. Nothing is changed; what cannot be read becomes a note.

    Memory and cores are what this process may use: a container's limits count. `root` is where
    /proc and /sys are.
    """
    system, machine = platform.system().lower(), platform.machine()
    cpu = _cpu_name(system, root)
    total, free = limits.memory(root)
    devices, notes = gpus.find(root)
    if system == "darwin" and machine == "arm64":
        devices = (*devices, Device("apple", 0, cpu, total, free))
        notes = (*notes, "The GPU and the CPU share one memory.")
    return Hardware(
        system=system,
        machine=machine,
        cpu=cpu,
        cores=limits.cores(root),
        devices=(*devices, Device("cpu", 0, cpu, total, free)),
        notes=notes,
    )


def _cpu_name(system: str, root: Path) -> str:
    if system == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10)
        return found.stdout.strip() or platform.machine()
    text = limits.text_of(root / "proc/cpuinfo")
    return cpu_model(text or "") or platform.processor() or platform.machine()
