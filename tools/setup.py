"""Make `.venv` from `requirements.lock`, on a machine that has only Python and make.

Debian's python3 lacks `ensurepip` unless python3-venv is installed, so where it is missing
pip itself is fetched from PyPI by its pinned hash. Everything else comes through pip, which
honours the user's own mirrors, proxies and certificates.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_URL = (
    "https://files.pythonhosted.org/packages/07/25/"
    "ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/" + PIP_WHEEL
)
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


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
    (VENV / ".ready").touch()
    say("Ready.")


def make_venv() -> None:
    """Make an empty `.venv` that has pip, with or without `ensurepip`."""
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    venv.create(VENV, clear=True, with_pip=has_ensurepip, symlinks=os.name != "nt")
    if not has_ensurepip:
        with tempfile.TemporaryDirectory() as folder:
            wheel = fetch_pip(Path(folder))
            run(str(python()), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel))


def fetch_pip(folder: Path) -> Path:
    """Download the pinned pip wheel and prove its hash."""
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates)
    with urllib.request.urlopen(PIP_URL, context=context, timeout=60) as answer:
        body = answer.read()
    if hashlib.sha256(body).hexdigest() != PIP_SHA256:
        sys.exit(f"{PIP_URL} is not the file that this project pins. Nothing was installed.")
    wheel = folder / PIP_WHEEL
    wheel.write_bytes(body)
    return wheel


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
