"""File systems of a test's own: small ones, ones that share extents, ones that lose power.

They are mounted for real, which root alone may; elsewhere the test is skipped and says so.
"""

from __future__ import annotations

import fcntl
import lzma
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
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


@contextmanager
def sharing(place: Path, options: str = "loop") -> Iterator[Path]:
    """A file system on which files can share extents: btrfs, 64 MiB.

    Its image lies beside this file, since not every machine has mkfs.btrfs; it was made by
    `truncate -s 64M x && mkfs.btrfs -n 4096 -M -m single -d single x && xz -9e x`.
    """
    needs()
    packed = Path(__file__).with_name("btrfs.img.xz")
    image = place.with_suffix(".img")
    with open(image, "wb") as file, lzma.open(packed) as content:
        for piece in iter(partial(content.read, 2**20), b""):
            if any(piece):
                file.write(piece)
            else:
                file.seek(len(piece), os.SEEK_CUR)
        file.truncate(file.tell())
    with mounted(place, "-t", "btrfs", "-o", options, str(image)) as disk:
        yield disk


def taken(disk: Path) -> int:
    """Return the bytes that all files together really take."""
    os.sync()
    state = os.statvfs(disk)
    return (state.f_blocks - state.f_bfree) * state.f_frsize
