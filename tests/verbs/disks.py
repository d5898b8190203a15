"""File systems of a test's own: small ones, ones that share extents, ones that lose power.

They are mounted for real, which root alone may; elsewhere the test is skipped and says so.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), linux/fs.h: the same for ext4, xfs, btrfs, f2fs
NO_LOG_FLUSH = struct.pack("I", 2)  # as a plug that is pulled: the journal is not written either


def needs(*programs: str) -> None:
    """Skip the test where a file system of our own cannot be made."""
    if os.geteuid():
        pytest.skip("a file system can be mounted by root alone")
    for one in ("mount", "umount", *programs):
        if shutil.which(one) is None:
            pytest.skip(f"there is no {one} here (Debian: {PACKAGES.get(one, 'util-linux')})")


PACKAGES = {"mkfs.btrfs": "btrfs-progs", "mkfs.xfs": "xfsprogs", "mkfs.ext4": "e2fsprogs"}


@contextmanager
def mounted(place: Path, *words: str) -> Iterator[Path]:
    """Mount, and unmount whatever happens."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", *words, str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not possible here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def small(place: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes, in memory."""
    needs()
    with mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as disk:
        yield disk


def image(place: Path, kind: str, size: int) -> Path:
    """Return a file of so many bytes, sparse, with an empty file system in it."""
    needs(f"mkfs.{kind}")
    with open(place, "wb") as file:
        file.truncate(size)
    subprocess.run([f"mkfs.{kind}", "-q", str(place)], check=True)
    return place


def power_cut(disk: Path) -> None:
    """Lose whatever was not written to the disk by now; nothing more gets there."""
    fd = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, SHUTDOWN, NO_LOG_FLUSH)
    finally:
        os.close(fd)
