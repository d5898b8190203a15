"""A project is looked at by git, and nothing that it brings along is run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ostler.verbs import examine


@pytest.mark.skipif(shutil.which("git") is None, reason="NO GIT: projects were not looked at")
def test_a_project_runs_no_program_of_its_own(tmp_path: Path) -> None:
    project, ran = tmp_path / "project", tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    project.mkdir()
    (project / "model.gguf").write_bytes(b"GGUF")
    for words in (["init", "-q"], ["add", "."], ["config", "core.fsmonitor", str(program)]):
        subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True)
    found = examine.project(project)
    assert any("model.gguf" in one.what for one in found)
    assert not ran.exists()
