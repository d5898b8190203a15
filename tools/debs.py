"""Debian's packages for the tests: each is proven by its hash and unpacked, none is installed."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SERVER = "http://deb.debian.org/"
STAMP = ".ready"


def ready(place: Path, edition: str) -> bool:
    """Whether what this word stands for has been unpacked there."""
    try:
        return (place / STAMP).read_text() == edition
    except FileNotFoundError:
        return False


def bring(place: Path, edition: str, fill: Callable[[Path, Path], None]) -> str:
    """Have a folder filled, and put it into its place by one rename; say why it cannot be.

    `fill` is given a folder for what it fetches, and the tree to be filled.
    """
    if ready(place, edition):
        return ""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"these packages are for Linux on x86_64, not {sys.platform} {platform.machine()}"
    if not shutil.which("dpkg"):
        return "there is no dpkg to unpack them with"
    place.parent.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            tree = Path(folder, "tree")
            tree.mkdir()
            fill(Path(folder), tree)
            (tree / STAMP).write_text(edition)
            shutil.rmtree(place, ignore_errors=True)
            tree.rename(place)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)
    return ""


def unpack(packages: Mapping[str, str], folder: Path, tree: Path) -> None:
    """Fetch packages, by their path below the server with their SHA-256, and unpack them.

    Raises OSError, ValueError, CalledProcessError; nothing is unpacked before all are proven.
    """
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda one: _fetch(folder, *one), packages.items()))
    for file in files:
        subprocess.run(["dpkg", "-x", file, tree], check=True)


def _fetch(folder: Path, path: str, sha256: str) -> Path:
    try:
        with urllib.request.urlopen(SERVER + path.replace("+", "%2b"), timeout=60) as answer:
            body: bytes = answer.read()
    except urllib.error.URLError as error:
        raise OSError(f"{SERVER}{path}: {error}") from None
    if hashlib.sha256(body).hexdigest() != sha256:
        raise ValueError(f"{path} is not the file that this project pins")
    file = folder / path.rpartition("/")[2]
    file.write_bytes(body)
    return file
