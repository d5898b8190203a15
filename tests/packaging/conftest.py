"""What is built to be installed, once, and the wheels that it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.stories.conftest import ROOT, shell, shipped_hub

__all__ = ["shell", "shipped_hub"]
WHEELS = ROOT / ".consumers/wheels"


@dataclass(frozen=True)
class Built:
    """A wheel and a source distribution, and the folder with the wheels of all they need."""

    wheel: Path
    sdist: Path
    wheels: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    if not (WHEELS / ".ready").exists():
        pytest.skip("NO WHEELS: Ostler was not installed anew; `make consumers` fetches them")
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist, WHEELS)


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has never seen the checkout, nor any setting of ours."""
    ours = ("OSTLER_", "HF_", "PYTHON", "PIP_", "UV_", "PIPX_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "HOME": str(tmp_path / "user"),
        "XDG_CONFIG_HOME": str(tmp_path / "user/.config"),
        "OSTLER_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(WHEELS),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(WHEELS),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_PYTHON": sys.executable,
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "pipx/bin"),
        "PIPX_DEFAULT_PYTHON": sys.executable,
        "NO_COLOR": "1",
    }
