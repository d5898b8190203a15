"""Make `.venv` from `requirements.lock`, on a machine that has only Python and make.

A bare Debian lacks two things. Its python3 has no `ensurepip` without python3-venv, so pip itself
is fetched from PyPI then. It may have no OpenMP library (libgomp1), which llama.cpp needs, so that
is taken out of a wheel on PyPI that carries it. Both are pinned by hash. Everything else comes
through pip, which honours the user's own mirrors, proxies and certificates.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import io
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import urllib.request
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
FILES = "https://files.pythonhosted.org/packages/"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP = (
    f"07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/{PIP_WHEEL}",
    "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
)
# A small wheel that carries GCC's OpenMP library, for each kind of processor.
OPENMP = {
    "x86_64": (
        "46/aa/ad48cc40d15c6c12d64d06768db96bde01e8f72dbfbbcebf391bcc1682fb/pykdtree-1.4.3-cp311-"
        "cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "44d2e1b6a3d02b5cf9646bf754931fdacb869cefd328242766e1dc0be909cca1",
    ),
    "aarch64": (
        "26/69/cf40c90c488676701c5d088fbc3380d3d884eeef9ba87ef079442bcab847/pykdtree-1.4.3-cp311-"
        "cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl",
        "bd3a4454b8f86ce22f7b92b4bc53e309817b0d3602afff8c9a17fde1bd6dd3f0",
    ),
}
OPENMP_NAME = "libgomp.so.1"


def main() -> None:
    """Create the environment, install the pins, then Ostler itself in editable form."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the reader may have an older one
        sys.exit(
            f"Ostler needs Python 3.11 or newer; this is {sys.version.split()[0]}.\n"
            "Name another with: make setup PYTHON=/path/to/python3.12"
        )
    say(f"Setting up {VENV.name} with Python {sys.version.split()[0]} (once; about half a minute)")
    make_venv()
    pip("install", "--require-hashes", "--requirement", str(ROOT / "requirements.lock"))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    provide_openmp()
    (VENV / ".ready").touch()
    say("Ready.")


def make_venv() -> None:
    """Make an empty `.venv` that has pip, with or without `ensurepip`."""
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    venv.create(VENV, clear=True, with_pip=has_ensurepip, symlinks=os.name != "nt")
    if not has_ensurepip:
        with tempfile.TemporaryDirectory() as folder:
            wheel = Path(folder) / PIP_WHEEL
            wheel.write_bytes(fetch(*PIP))
            run(str(python()), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel))


def provide_openmp() -> None:
    """Put GCC's OpenMP library into `.venv/lib` where the system has none.

    Wheels carry it under a name of their own; its usual name is put back into it, because that
    is the name by which llama.cpp asks for it. The new name is the shorter one.
    """
    if sys.platform != "linux" or has_openmp():
        return
    wheel = OPENMP.get(platform.machine())
    if wheel is None:
        say("This system has no OpenMP library, which llama.cpp needs: apt install libgomp1")
        return
    with zipfile.ZipFile(io.BytesIO(fetch(*wheel))) as archive:
        path = next(name for name in archive.namelist() if "/libgomp-" in name)
        content = archive.read(path)
    old, new = Path(path).name.encode(), OPENMP_NAME.encode()
    (VENV / "lib" / OPENMP_NAME).write_bytes(content.replace(old, new.ljust(len(old), b"\0")))


def has_openmp() -> bool:
    """Whether the system has GCC's OpenMP library."""
    try:
        ctypes.CDLL(OPENMP_NAME)
    except OSError:
        return False
    return True


def fetch(path: str, sha256: str) -> bytes:
    """Download a pinned file from PyPI and prove its hash."""
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates)
    with urllib.request.urlopen(FILES + path, context=context, timeout=60) as answer:
        body: bytes = answer.read()
    if hashlib.sha256(body).hexdigest() != sha256:
        sys.exit(f"{FILES}{path} is not the file that this project pins. Nothing was installed.")
    return body


def python() -> Path:
    """The environment's own interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(*words: str) -> None:
    """Run the environment's pip, quietly."""
    run(str(python()), "-m", "pip", "--quiet", "--disable-pip-version-check", *words)


def run(*argv: str) -> None:
    """Run a program; end with its exit code if it fails."""
    done = subprocess.run(argv, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"Set-up stopped: this command failed with {done.returncode}:\n  {' '.join(argv)}")


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
