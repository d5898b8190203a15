"""A stand-in for the image that our Dockerfile starts from, of this machine's own files.

No registry is asked: it has this Python and pip, a shell and the few programs that the Dockerfile
calls, their shared libraries, GCC's OpenMP library and the wheels of what Ostler needs. So a build
proves every instruction but one: that `apt-get` brings the OpenMP library where the base lacks it.
"""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import sys
import tarfile
from pathlib import Path

from ostler.testing.engine_image import add, interpreter, libraries, package, standard_library

PROGRAMS = ("sh", "sed", "rm", "install", "cat", "id", "ls", "sleep")
OPENMP = "libgomp.so.1"
# What wheels ask for beside what programs here do; every Debian image has them.
USUAL = (
    *("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libm.so.6", "libresolv.so.2"),
    *("libgcc_s.so.1", "libstdc++.so.6"),
)
SETTINGS = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")


def write_base(path: Path, wheels: Path) -> Path:
    """Write the image's files as a tar and return its path. Raises FileNotFoundError."""
    stdlib, home = (
        standard_library(),
        f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}",
    )
    programs = {name: program(name) for name in PROGRAMS}
    loaded = [interpreter(), *(stdlib / "lib-dynload").glob("*.so"), *programs.values()]
    openmp = found_openmp()
    with tarfile.open(path, "w") as tar:
        add(tar, stdlib, home)
        add(tar, package("pip"), f"{home}/pip")
        add(tar, wheels, "wheels")
        tar.add(interpreter(), "usr/bin/python3")
        for name, file in programs.items():
            tar.add(file, f"bin/{name}")
        shared = libraries([one for one in loaded if "tkinter" not in one.name])
        beside = Path(shared["/usr/lib/libc.so.6"]).parent
        shared |= {f"/usr/lib/{name}": os.path.realpath(beside / name) for name in USUAL}
        for name, library in {**shared, f"/usr/lib/{OPENMP}": openmp}.items():
            tar.add(library, name.lstrip("/"))
        words(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        words(tar, "etc/group", "root:x:0:\n")
        folder(tar, "tmp", 0o1777)
        folder(tar, "var/lib", 0o755)
    return path


def program(name: str) -> Path:
    """Return the file of a program. Raises FileNotFoundError."""
    found = shutil.which("dash" if name == "sh" else name) or shutil.which(name)
    if not found:
        raise FileNotFoundError(f"there is no {name} here")
    return Path(os.path.realpath(found))


def found_openmp() -> str:
    """Return where GCC's OpenMP library is: the system's, else the one that the set-up brought.

    Raises FileNotFoundError.
    """
    brought = Path(sys.prefix, "lib", OPENMP)
    if brought.exists():
        return str(brought)
    ctypes.CDLL(OPENMP)  # now it is among what this process has mapped
    maps = Path("/proc/self/maps").read_text().splitlines()
    for line in maps:
        if line.endswith(OPENMP) or f"/{OPENMP}." in line:
            return os.path.realpath(line.split()[-1])
    raise FileNotFoundError(f"there is no {OPENMP} here")


def words(tar: tarfile.TarFile, name: str, text: str) -> None:
    """Add a small file."""
    info = tarfile.TarInfo(name)
    info.size = len(text)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(text.encode()))


def folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    """Add an empty folder."""
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    tar.addfile(info)
