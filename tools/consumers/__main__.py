"""`python -m tools.consumers [NAME ...]`: put them into `.consumers/NAME`, each once.

A `NAME.requirements.txt` beside this file is an environment of Python packages, pinned by hash; a
folder with a package-lock.json is one of npm's. One that cannot be had here is said and left out:
the tests that need it are skipped then, and say so.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from ostler.errors import OstlerError
from ostler.verbs.installing import pip_words

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / ".consumers"
STAMP = ".ready"


def main(names: list[str]) -> int:
    """Install what is named, or all; say what could not be."""
    for pins in sorted((*HERE.glob("*.requirements.txt"), *HERE.glob("*/package-lock.json"))):
        is_python = pins.suffix == ".txt"
        name = pins.name.partition(".")[0] if is_python else pins.parent.name
        if names and name not in names:
            continue
        folder = PLACE / name
        stamp = hashlib.sha256(pins.read_bytes()).hexdigest() + f" {sys.version.split()[0]}"
        if _text(folder / STAMP) == stamp:
            continue
        print(f"Installing {name} into {folder}", flush=True)
        problem = _python(folder, pins) if is_python else _node(folder, pins)
        if problem:
            print(f"  not here, so its tests are skipped: {problem}", flush=True)
        else:
            (folder / STAMP).write_text(stamp)
    return 0


def _python(folder: Path, pins: Path) -> str:
    try:
        pip = pip_words(folder)
    except OstlerError as error:
        return error.what
    # Without dependencies: the pins name all that is needed, and less than the packages ask for.
    words = ("install", "--quiet", "--require-hashes", "--no-deps", "--disable-pip-version-check")
    return _run([*pip, *words, "--requirement", str(pins)])


def _node(folder: Path, pins: Path) -> str:
    if not shutil.which("npm"):
        return "npm is not installed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pins.parent / name, folder / name)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return _run(["npm", "ci", "--prefix", str(folder), *quiet])


def _run(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    said = (done.stderr or done.stdout).strip().splitlines()
    return (said[-1] if said else f"{argv[0]} ended with {done.returncode}") * bool(done.returncode)


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
