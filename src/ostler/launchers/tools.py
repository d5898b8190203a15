"""Which programs that make weights smaller are here, found without starting any of them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ostler.launchers.discovery import STAMP, UNKNOWN, version_in, wheel
from ostler.nouns import Installed

COMPRESSOR = "llmcompressor"


def tools(engines_dir: Path, path: str | None = None) -> tuple[Installed, ...]:
    """Return every tool that is here, the one to take first where several do the same.

    `path` replaces PATH. A program's version is "unknown": to learn it, it would have to run.
    """
    found = [kernels(), program("llama-quantize", path), converter(path), compressor(engines_dir)]
    return tuple(one for one in found if one)


def kernels() -> Installed | None:
    """llama.cpp's kernels out of the wheel, run by our own program."""
    here = wheel()
    if here is None:
        return None
    argv = (sys.executable, "-I", "-m", "ostler.programs.quantize")
    return Installed("llamacpp", f"xllamacpp {here.version}", argv, "wheel")


def program(name: str, path: str | None) -> Installed | None:
    """A program that the user has on PATH."""
    place = shutil.which(name, path=path)
    return Installed(name, UNKNOWN, (place,), "binary") if place else None


def converter(path: str | None) -> Installed | None:
    """llama.cpp's converter from safetensors; packages of llama.cpp give it either name."""
    names = ("convert_hf_to_gguf.py", "convert-hf-to-gguf", "llama-convert-hf-to-gguf")
    found = next((one for one in (program(name, path) for name in names) if one), None)
    return Installed("converter", UNKNOWN, found.argv, "binary") if found else None


def compressor(engines_dir: Path) -> Installed | None:
    """llm-compressor in the environment that `ostler engine install llmcompressor` made."""
    folder = engines_dir / COMPRESSOR
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / STAMP).is_file() or not os.access(python, os.X_OK):
        return None
    packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib/site-packages")
    from ostler.programs import compress

    argv = (str(python), "-I", compress.__file__)
    return Installed(COMPRESSOR, version_in(packages, "llmcompressor"), argv, "environment")
