"""Which engines are installed, found without starting or importing any of them."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from ostler.nouns import Installed

STAMP = ".ostler-ready"  # written last by `ostler engine install`
UNKNOWN = "unknown"


def installed(engines_dir: Path, path: str | None = None) -> tuple[Installed, ...]:
    """Return every installation: the wheel, binaries on PATH, and the environments made for us.

    `path` replaces PATH. A binary's version is "unknown": to learn it, it would have to run.
    """
    found = (wheel(), binary(path), environment(engines_dir, "transformers"))
    return tuple(one for one in found if one)


def wheel() -> Installed | None:
    """llama.cpp's server as a Python extension, run by our own program."""
    spec = find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        return None
    version = version_in(Path(spec.origin).parent.parent, "xllamacpp")
    # -I: neither the working folder nor PYTHONPATH may slip other code into the engine.
    argv = (sys.executable, "-I", "-m", "ostler.programs.llamacpp")
    return Installed("llamacpp", version, argv, "wheel")


def binary(path: str | None) -> Installed | None:
    """llama-server, where the user has one."""
    program = shutil.which("llama-server", path=path)
    return Installed("llamacpp", UNKNOWN, (program,), "binary") if program else None


def environment(engines_dir: Path, engine: str) -> Installed | None:
    """An environment that `ostler engine install` finished."""
    folder = engines_dir / engine
    program = folder / ("Scripts" if os.name == "nt" else "bin") / engine
    if not (folder / STAMP).is_file() or not os.access(program, os.X_OK):
        return None
    packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib/site-packages")
    return Installed(engine, version_in(packages, engine), (str(program), "serve"), "environment")


def version_in(packages: Path, name: str) -> str:
    """The version of a package by the name of its metadata folder."""
    found = next(packages.glob(f"{name}-*.dist-info"), None)
    return found.name.removesuffix(".dist-info").partition("-")[2] if found else UNKNOWN
