"""A container image of llama.cpp's server, made from the files of this machine: no registry.

It holds this Python with its standard library, the shared libraries that they need, the
`xllamacpp` wheel and our own program round it; some 180 MB that lie ready.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

PYTHON = "/opt/python/bin/python3"
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
STDLIB = f"opt/python/lib/{VERSION}"
PACKAGES = f"{STDLIB}/site-packages"
LEFT_OUT = {
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "ensurepip", "tkinter"),
    *("__pycache__", "lib2to3", "turtledemo", "EXTERNALLY-MANAGED"),
}
OURS = ("__init__.py", "version.py", "programs", "testing/__init__.py", "testing/puppet.py")


def write_image(path: Path) -> Path:
    """Write the image's files as a tar and return its path."""
    stdlib, program = standard_library(), interpreter()
    wheel = package("xllamacpp")
    loaded = [program, *(stdlib / "lib-dynload").glob("*.so"), *wheel.rglob("*.so")]
    loaded = [one for one in loaded if "tkinter" not in one.name]
    with tarfile.open(path, "w") as tar:
        add(tar, stdlib, STDLIB)
        add(tar, wheel, f"{PACKAGES}/xllamacpp")
        ours = package("ostler")
        for name in OURS:
            add(tar, ours / name, f"{PACKAGES}/ostler/{name}")
        tar.add(program, PYTHON)
        for name, library in libraries(loaded).items():
            tar.add(library, name.lstrip("/"))
    return path


def standard_library() -> Path:
    """Return the folder of this Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def interpreter() -> Path:
    """Return the program of this Python, which is never the link in an environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def package(name: str) -> Path:
    """Return the folder of a package that is installed."""
    found = importlib.util.find_spec(name)
    assert found
    assert found.origin
    return Path(found.origin).parent


def add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a file or a tree, owned by root and readable by everyone, without what is not needed."""

    def kept(one: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = Path(one.name).relative_to(name).parts
        if LEFT_OUT.intersection(parts) or any(part.startswith("config-") for part in parts):
            return None
        one.uid = one.gid = 0
        one.mode |= 0o444 | (0o111 if one.isdir() else 0)
        return one

    tar.add(path, name, filter=kept)


def libraries(programs: list[Path]) -> dict[str, str]:
    """Return the shared libraries of programs: where each is in the image -> where it is here.

    The loader keeps its own path; the others go where it looks without being told.
    """
    argv = ["ldd", *map(str, programs)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    found = {}
    for line in said.splitlines():
        if way := re.search(r"=> (/\S+)|^\s+(/\S*ld-\S+)", line):
            path = way[1] or way[2]
            loader = os.path.basename(path).startswith("ld-")
            place = path if loader else f"/usr/lib/{os.path.basename(path)}"
            found[place] = os.path.realpath(path)
    return found
