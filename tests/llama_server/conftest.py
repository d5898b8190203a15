"""The real llama-server and its companions, which `make test-llama-server` builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.llama_server import PLACE, ready

from ostler.nouns import Installed
from ostler.testing import tiny

PROGRAM = PLACE / "bin" / "llama-server"


@pytest.fixture(scope="session")
def llama_server() -> Path:
    """The program of the same llama.cpp as the wheel's."""
    if not ready():
        pytest.skip("`make test-llama-server` builds a llama-server; it has not been run")
    return PROGRAM


@pytest.fixture
def real_binary(llama_server: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """What `tiny.LLAMACPP` is for the time of a test."""
    found = Installed("llamacpp", "unknown", (str(llama_server),), "placed")
    monkeypatch.setattr(tiny, "LLAMACPP", found)
    return found
