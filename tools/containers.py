"""Bring a real dockerd and Compose for the tests, without installing anything.

Debian's packages, pinned by hash, are unpacked into `.engines/containers`; the tests start dockerd
from there. Where that is not possible the reason is printed, and the tests that need it say that
they are skipped. `make test` runs this; it needs dpkg, and takes a few seconds once.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".engines" / "containers"
POOL = "http://deb.debian.org/debian/pool/main/"
# Debian 12's, but for Compose, which is Debian 13's: a static program, and the first with v2.
PACKAGES = {
    "d/docker.io/docker.io_20.10.24+dfsg1-1+deb12u1+b6_amd64.deb":
        "daf8ff8f7aa53e8533d38e386fcc2a11e8f3891210776fb78a84b98feb4eea0e",
    "c/containerd/containerd_1.6.20~ds1-1+deb12u3_amd64.deb":
        "8669d264eeb0fcdb4a0b1ba436ab88ec5dafde4a66e1278ec279d830db4c2216",
    "r/runc/runc_1.1.5+ds1-1+deb12u1_amd64.deb":
        "a00351f8c0318de0b424ecf5cd0fdb69880a89f3511cae4f6fff7de3e57881c5",
    "t/tini/tini_0.19.0-1+b3_amd64.deb":
        "7d1947665fa40e55f218fefad773dc6de66458d0b39eaa292cdcadfc7c996632",
    "libs/libseccomp/libseccomp2_2.5.4-1+deb12u1_amd64.deb":
        "108fe67957ca7cf9ba51d801118a1b37d404bea7b6e365025cd00779e9eca38d",
    "l/lvm2/libdevmapper1.02.1_1.02.185-2_amd64.deb":
        "aaa78ca236055fedccf637eacf7bda02bf1980b2db668dccd202b04d0d2cfe04",
    "d/docker-compose/docker-compose_2.26.1-4_amd64.deb":
        "47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea",
}  # fmt: skip


def main() -> None:
    """Unpack the packages, once; say why where it cannot be done."""
    if (PLACE / ".ready").exists():
        return
    missing = why_not()
    if not missing:
        try:
            unpack()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            missing = str(error)
    if missing:
        print(f"No dockerd for the tests: {missing}. Those that need it will be skipped.")


def why_not() -> str:
    """Why these packages are of no use here, or an empty text."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"these packages are for Linux on x86_64, not {sys.platform} {platform.machine()}"
    return "" if shutil.which("dpkg") else "there is no dpkg to unpack them with"


def unpack() -> None:
    """Fetch and prove every package, then put them into their place by one rename."""
    print("Fetching dockerd for the tests (77 MB, once)", flush=True)
    PLACE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
        tree = Path(folder, "tree")
        with ThreadPoolExecutor() as pool:
            files = list(pool.map(lambda one: fetch(Path(folder), *one), PACKAGES.items()))
        for file in files:
            subprocess.run(["dpkg", "-x", file, tree], check=True)
        (tree / ".ready").touch()
        shutil.rmtree(PLACE, ignore_errors=True)
        tree.rename(PLACE)


def fetch(folder: Path, path: str, sha256: str) -> Path:
    """Download one package and prove its hash. Raises OSError, ValueError."""
    try:
        with urllib.request.urlopen(POOL + path.replace("+", "%2b"), timeout=60) as answer:
            body: bytes = answer.read()
    except urllib.error.URLError as error:
        raise OSError(f"{POOL}{path}: {error}") from None
    if hashlib.sha256(body).hexdigest() != sha256:
        raise ValueError(f"{path} is not the file that this project pins")
    file = folder / path.rpartition("/")[2]
    file.write_bytes(body)
    return file


if __name__ == "__main__":
    main()
