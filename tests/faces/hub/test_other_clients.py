"""git LFS and ModelScope's client as they are, against this hub."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ostler.testing.faults import CutAfter

ROOT = Path(__file__).resolve().parents[3]
LFS = ROOT / ".consumers/containers/usr/bin"
MS_HUB = ROOT / ".consumers/modelscope/bin/ms-hub"
REPO, WEIGHTS = "acme/tiny", "model-00001-of-00002.safetensors"
FILES = ("config.json", "extra/notes.txt", WEIGHTS)


def run(words: list[str], folder: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        words, env={**os.environ, **env}, cwd=folder, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def same(hub: Any, folder: Path) -> bool:
    """Say whether a folder has the repository's bytes."""
    return all(
        (folder / name).read_bytes() == hub.path(f"{REPO}/{name}").read_bytes() for name in FILES
    )


@pytest.fixture
def git_env(tmp_path: Path) -> dict[str, str]:
    path = f"{os.environ['PATH']}:{LFS}"
    if shutil.which("git-lfs", path=path) is None or shutil.which("git") is None:
        pytest.skip("git and git-lfs are not both here; `make consumers` brings git-lfs")
    return {"PATH": path, "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}  # fmt: skip


def test_git_lfs_clones_and_pulls(hub: Any, tmp_path: Path, git_env: dict[str, str]) -> None:
    run(["git", "lfs", "install", "--skip-repo"], tmp_path, git_env)
    run(["git", "clone", "-q", f"{hub.address}/{REPO}", "whole"], tmp_path, git_env)
    assert same(hub, tmp_path / "whole")
    late = git_env | {"GIT_LFS_SKIP_SMUDGE": "1"}
    run(["git", "clone", "-q", f"{hub.address}/{REPO}", "pointers"], tmp_path, late)
    assert (tmp_path / "pointers" / WEIGHTS).read_bytes().startswith(b"version https://git-lfs")
    run(["git", "lfs", "pull"], tmp_path / "pointers", git_env)
    assert same(hub, tmp_path / "pointers")
    assert "OK" in run(["git", "lfs", "fsck"], tmp_path / "pointers", git_env)


def test_git_lfs_sends_the_token_that_git_knows(
    hub: Any, tmp_path: Path, git_env: dict[str, str]
) -> None:
    run(["git", "lfs", "install", "--skip-repo"], tmp_path, git_env)
    run(["git", "config", "--global", "credential.helper", "store"], tmp_path, git_env)
    host = hub.address.removeprefix("http://")
    (tmp_path / ".git-credentials").write_text(f"http://anyone:{hub.granted}@{host}\n")
    run(["git", "clone", "-q", f"{hub.address}/acme/gated", "gated"], tmp_path, git_env)
    weights = (tmp_path / "gated/model.safetensors").read_bytes()
    assert weights == hub.path("acme/gated/model.safetensors").read_bytes()


@pytest.fixture
def ms_hub(hub: Any, tmp_path: Path) -> dict[str, str]:
    if not MS_HUB.exists():
        pytest.skip("ModelScope's client is not here; `make consumers`")
    return {"MODELSCOPE_ENDPOINT": hub.address, "MODELSCOPE_CACHE": str(tmp_path / "ms"),
            "HOME": str(tmp_path)}  # fmt: skip


def test_ms_hub_downloads_and_verifies(hub: Any, tmp_path: Path, ms_hub: dict[str, str]) -> None:
    words = [str(MS_HUB), "download", REPO, "--local-dir", str(tmp_path / "here")]
    run(words, tmp_path, ms_hub)
    assert same(hub, tmp_path / "here")


class CutOnce:
    """Cuts the first answer that is of this file, and gives all others as they are."""

    def __init__(self, path: str, count: int) -> None:
        self.path, self.cut = path.encode(), CutAfter(count)
        self.done = False

    async def __call__(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        first = self.path in scope["query_string"] and not self.done
        self.done = self.done or first
        await (self.cut(app, scope, receive, send) if first else app(scope, receive, send))


def test_ms_hub_goes_on_where_it_was_cut(hub: Any, tmp_path: Path, ms_hub: dict[str, str]) -> None:
    content = Random(1).randbytes(3_000_000)
    hub.path(f"{REPO}/big.bin").write_bytes(content)
    cut = CutOnce("big.bin", 1_500_000)
    hub.faults.add("/api/v1/models/*/repo", cut)
    words = [str(MS_HUB), "download", REPO, "--local-dir", str(tmp_path / "here")]
    run(words, tmp_path, ms_hub)
    assert cut.done
    assert (tmp_path / "here/big.bin").read_bytes() == content
    asked = [one for one in hub.faults.asked("*/repo") if "big.bin" in one.query]
    assert any(one.headers.get("range", "").startswith("bytes=1") for one in asked)
