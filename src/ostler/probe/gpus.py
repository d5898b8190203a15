"""GPUs, as their makers' own means list them. Their settings are never touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ostler.core.hardware import CAPABILITY, NVIDIA_QUERY, nvidia_devices
from ostler.nouns import Device
from ostler.probe.limits import text_of

AMD = "0x1002"  # the maker's number on the PCI bus
PATIENCE = 20.0  # seconds; a first call on a machine with many GPUs takes several

Found = tuple[tuple[Device, ...], tuple[str, ...]]


def find(root: Path) -> Found:
    """Return the GPUs of all makers, and notes on what could not be read."""
    nvidia, notes = _nvidia()
    amd, more = _amd(root)
    return nvidia + amd, notes + more


def _nvidia() -> Found:
    program = shutil.which("nvidia-smi")
    if program is None:
        return (), ()
    try:
        asked = _ask(program, (*NVIDIA_QUERY, CAPABILITY))
        if asked.returncode != 0:
            asked = _ask(program, NVIDIA_QUERY)
    except subprocess.TimeoutExpired:
        return (), (f"nvidia-smi gave no answer within {PATIENCE:g} s.",)
    except OSError as error:
        return (), (f"nvidia-smi cannot be started: {error.strerror}.",)
    if asked.returncode != 0:
        said = (asked.stdout + asked.stderr).strip().partition("\n")[0][:200]
        return (), (f"nvidia-smi failed with code {asked.returncode}: {said or 'no words'}.",)
    return nvidia_devices(asked.stdout)


def _ask(program: str, columns: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    argv = [program, f"--query-gpu={','.join(columns)}", "--format=csv"]
    return subprocess.run(
        argv, capture_output=True, text=True, errors="replace", check=False, timeout=PATIENCE
    )


def _amd(root: Path) -> Found:
    """Read what the amdgpu driver writes under /sys/class/drm, one folder per card."""
    devices, notes = [], []
    cards = (root / "sys/class/drm").glob("card*/device/mem_info_vram_total")
    for index, path in enumerate(sorted(cards)):
        folder = path.parent
        if (text_of(folder / "vendor") or "").strip() != AMD:
            continue
        total = (text_of(path) or "").strip()
        used = (text_of(folder / "mem_info_vram_used") or "").strip()
        if not total.isdecimal() or not used.isdecimal():
            notes.append(f"The memory of the AMD GPU {folder.parent.name} cannot be read.")
            continue
        name = (text_of(folder / "product_name") or "").strip() or "AMD GPU"
        free = max(int(total) - int(used), 0)
        devices.append(Device("amd", index, name, int(total), free))
    return tuple(devices), tuple(notes)
