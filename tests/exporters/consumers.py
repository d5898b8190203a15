"""The programs that what we write is for; `make consumers` brings them where they are not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = {
    "helm": ROOT / ".consumers/helm/node_modules/.bin/helm",
    "kubernetes-validate": ROOT / ".consumers/kubernetes/bin/kubernetes-validate",
}
VERSION = "1.32"  # of Kubernetes, whose schemas are held against


def program(name: str) -> str:
    """Return where a consumer is, or skip the test and say how to get it."""
    place = PLACES.get(name)
    found = str(place) if place and place.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not here, so nothing was held against it; `make consumers`")
    return found


def accepted(manifests: str, folder: Path) -> None:
    """Hold manifests against the schemas of Kubernetes, unknown fields included."""
    file = folder / "manifests.yaml"
    file.write_text(manifests)
    validate = program("kubernetes-validate")
    done = run([validate, "--strict", "-k", VERSION, str(file)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count(" passed ") + done.stdout.count(" passed ") >= 4


def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
