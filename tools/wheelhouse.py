"""Fetch what Ostler runs on as wheels: `python -m tools.wheelhouse`; the tests install from them.

They are those of `requirements.lock`, proven by its hashes, of the packages that an installed
Ostler needs and of what builds it. So the tests that install it in fresh environments and in an
image need no network. Where they cannot be had the reason is printed, and those tests say that they
are skipped.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".consumers" / "wheels"
STAMP = ".ready"


def main() -> int:
    """Fetch them, once for each set of pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    pins = pinned((ROOT / "requirements.lock").read_text(), closure(map(Requirement, wanted)))
    stamp = hashlib.sha256(pins.encode()).hexdigest() + f" {sys.version.split()[0]}"
    if (PLACE / STAMP).is_file() and (PLACE / STAMP).read_text() == stamp:
        return 0
    print(f"Fetching wheels for the tests of packaging into {PLACE} (75 MB, once)", flush=True)
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pins)
        file.flush()
        words = ("download", "--quiet", "--no-deps", "--require-hashes", "--requirement", file.name)
        argv = [sys.executable, "-m", "pip", *words, "--dest", str(PLACE)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        print(f"  not here, so the tests that install Ostler anew are skipped: {said}", flush=True)
        return 0
    (PLACE / STAMP).write_text(stamp)
    return 0


def closure(wanted: Iterable[Requirement]) -> set[str]:
    """Return what these need on this machine, themselves included, as this environment has it."""
    seen: set[tuple[str, str]] = set()
    left = [one for one in wanted if _applies(one, "")]
    while left:
        one = left.pop()
        for extra in ("", *one.extras):
            if (one.name, extra) not in seen:
                seen.add((one.name, extra))
                left += [below for below in _needed(one.name) if _applies(below, extra)]
    return {canonicalize_name(name) for name, _ in seen}


def _applies(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def _needed(name: str) -> list[Requirement]:
    try:
        return [Requirement(one) for one in requires(name) or ()]
    except PackageNotFoundError:
        return []  # for another system


def pinned(lock: str, names: set[str]) -> str:
    """Return the entries of a lock file for some packages, each with its hashes."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    kept = [one for one in entries if canonicalize_name(re.split(r"[=\[ ;]", one)[0]) in names]
    return "".join(kept)


if __name__ == "__main__":
    sys.exit(main())
