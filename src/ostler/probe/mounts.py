"""Which file system a folder is on, and whether the disk under it is encrypted."""

from __future__ import annotations

import os
from pathlib import Path

from ostler.core.checkup import ENCRYPTED, FileSystem
from ostler.probe.limits import text_of


def mount_of(path: Path, root: Path = Path("/")) -> FileSystem | None:
    """Return the mount that holds a path; None where the system has no list of them."""
    text = text_of(root / "proc/self/mountinfo")
    if text is None:
        return None
    wanted = os.path.realpath(path)
    best: tuple[int, str, str, str] | None = None
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or len(kinds) < 2:
            continue
        place = _unescaped(fields[4])
        inside = wanted == place or wanted.startswith(place.rstrip("/") + "/")
        if inside and (best is None or len(place) >= best[0]):
            best = (len(place), fields[2], kinds[0], _unescaped(kinds[1]))
    if best is None:
        return None
    _, number, kind, device = best
    encrypted, how = _encrypted(kind, number, root)
    return FileSystem(kind, device, encrypted, how)


def ephemeral_ports(root: Path = Path("/")) -> tuple[int, int] | None:
    """Return the first and last port that the kernel gives to outgoing connections."""
    words = (text_of(root / "proc/sys/net/ipv4/ip_local_port_range") or "").split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else None


def _encrypted(kind: str, number: str, root: Path) -> tuple[bool | None, str]:
    if kind in ENCRYPTED:
        return True, kind
    device = root / "sys/dev/block" / number
    if not device.exists():
        return None, "it is no disk of this machine"
    if layer := _crypt(device):
        return True, f"dm-crypt ({layer})"
    return False, "no dm-crypt below it; a disk that encrypts itself would not show"


def _crypt(device: Path) -> str:
    """Return the name of a dm-crypt layer at or below a block device; empty for none."""
    if (text_of(device / "dm/uuid") or "").startswith("CRYPT-"):
        return (text_of(device / "dm/name") or "").strip()
    below = device / "slaves"
    lower = sorted(below.iterdir()) if below.is_dir() else []
    return next((layer for one in lower if (layer := _crypt(one))), "")


def _unescaped(text: str) -> str:
    """Undo mountinfo's octal escapes of blanks and backslashes."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
