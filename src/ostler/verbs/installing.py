"""Install an engine that needs an environment of its own: `<engines>/<engine>`.

Plan, then do: the plan says whether anything is to be done and why; a stamp, written last, makes
a finished environment known and a broken-off one not.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ostler import version
from ostler.errors import Busy, EngineFailed, EngineUnsupported

STAMP = ".ostler-ready"
PINS = ".requirements.txt"
ALONE = "# pip: --no-deps"  # a line of pins that leave out on purpose what a package asks for
# PyTorch's own index: the builds for processors are a tenth of the size of those with CUDA.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0
TOLD = ("Collecting ", "Downloading ", "Installing ", "Successfully ", "ERROR", "error")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an installation would do."""

    engine: str
    folder: Path
    requirements: Path
    stamp: str
    needed: bool
    because: str


def plan_install(engine: str, engines_dir: Path) -> InstallPlan:
    """Compare what is there with what this version pins. Raises EngineUnsupported."""
    requirements = requirements_of(engine)
    folder = engines_dir / engine
    stamp = stamp_of(requirements.read_bytes())
    try:
        found = (folder / STAMP).read_text()
    except FileNotFoundError:
        found = None
    if found == stamp:
        because = f"{engine} is installed in {folder} as this version of Ostler pins it"
    elif found is None:
        because = f"there is no finished installation in {folder}"
    else:
        because = f"{folder} was made for other pins or another Python"
    return InstallPlan(engine, folder, requirements, stamp, found != stamp, because)


def install(plan: InstallPlan, report: Report, *, cpu_only: bool = True) -> None:
    """Carry the plan out; does nothing where nothing is needed. Raises Busy, EngineFailed."""
    from filelock import FileLock, Timeout

    if not plan.needed:
        return
    plan.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(f"{plan.folder}.lock", timeout=0):
            (plan.folder / STAMP).unlink(missing_ok=True)
            words = pip_words(plan.folder)
            report(f"Installing {plan.engine} into {plan.folder}: {plan.because}.")
            index = cpu_index(report) if cpu_only else ()
            alone = ("--no-deps",) if ALONE in plan.requirements.read_text() else ()
            pins = (*alone, "-r", str(plan.requirements))
            run_pip(plan, (*words, "install", *index, *pins), report)
            (plan.folder / STAMP).write_text(plan.stamp)
    except Timeout:
        raise Busy(
            f"Another process installs {plan.engine}.", hint="Wait for it, then repeat."
        ) from None


def requirements_of(engine: str) -> Path:
    """The pins that ship with Ostler. Raises EngineUnsupported."""
    known = installable()
    if engine in known:
        return known[engine]
    raise EngineUnsupported(
        f"Ostler installs no engine called {engine!r}.",
        hint=f"It installs: {', '.join(sorted(known))}. llamacpp comes with Ostler itself.",
    )


def installable() -> dict[str, Path]:
    """The engines whose pins ship with Ostler, and the file with them."""
    shipped = Path(version.__file__).parent / "engines"
    return {file.name.removesuffix(PINS): file for file in shipped.glob(f"*{PINS}")}


def stamp_of(requirements: bytes) -> str:
    """What an environment was made of: the pins, and the Python that it belongs to."""
    return f"{hashlib.sha256(requirements).hexdigest()} {sys.version.split()[0]} {sys.platform}\n"


def pip_words(folder: Path) -> tuple[str, ...]:
    """Make an empty environment; return the words that start a pip for it.

    Ours is used where there is one: Debian's Python cannot put a pip into a new environment
    without a package of its own. Raises EngineFailed where there is none at all.
    """
    own_pip = find_spec("pip") is not None
    if not own_pip and find_spec("ensurepip") is None:
        raise EngineFailed(
            "This Python has no pip, so no engine can be installed with it.",
            hint="On Debian and Ubuntu: apt install python3-venv.",
        )
    venv.create(folder, clear=True, with_pip=not own_pip, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if own_pip:
        return (sys.executable, "-m", "pip", "--python", str(python))
    return (str(python), "-m", "pip")


def cpu_index(report: Report) -> tuple[str, ...]:
    """The flag for PyTorch's index, where that host answers within PROBE_SECONDS."""
    answered = threading.Event()
    thread = threading.Thread(target=probe, args=(answered,), daemon=True)
    thread.start()  # in a thread of its own, because looking up a name obeys no time limit
    thread.join(PROBE_SECONDS)
    if answered.is_set():
        return ("--extra-index-url", CPU_INDEX)
    report(f"{CPU_INDEX} does not answer; torch comes from your own package index.")
    return ()


def probe(answered: threading.Event) -> None:
    """Say whether PyTorch's index can be reached."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=PROBE_SECONDS):  # noqa: S310
            answered.set()
    except OSError:
        return


def run_pip(plan: InstallPlan, argv: tuple[str, ...], report: Report) -> None:
    """Run pip, telling of its steps. Raises EngineFailed with pip's own last words."""
    said: list[str] = []
    with subprocess.Popen(
        [*argv, "--disable-pip-version-check", "--progress-bar", "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        for line in stripped(pip):
            said.append(line)
            if line.startswith(TOLD):
                report(line)
    if pip.returncode:
        errors = [line for line in said if "error" in line.lower()] or said or ["no output"]
        raise EngineFailed(
            f"pip could not install {plan.engine}: {errors[-1]}",
            hint="Look at your network and package index, then repeat.",
            exit_code=pip.returncode,
            output=said[-20:],
        )


def stripped(pip: subprocess.Popen[str]) -> Iterator[str]:
    """The lines that pip writes."""
    for line in pip.stdout or ():
        if line.strip():
            yield line.strip()
