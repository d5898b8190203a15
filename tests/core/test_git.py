"""The ids are those that git itself gives."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ostler.core import git

FILES = {
    "a.txt": b"a",
    "a/b.txt": b"b",
    "a/c/d": b"",
    "a0": b"zero",
    "Z": b"z" * 1000,
    "a.d/e": b"e",
}


def blob_id(content: bytes) -> str:
    hasher = git.blob_hasher(len(content))
    hasher.update(content)
    return hasher.hexdigest()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what this compares with")
def test_trees_and_blobs(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    for path, content in FILES.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    run("init", "-q")
    run("add", ".")
    ours = git.trees({path: blob_id(content) for path, content in FILES.items()})
    root = run("write-tree")
    assert ours[""] == root
    for folder in ("a", "a/c", "a.d"):
        assert ours[folder] == run("rev-parse", f"{root}:{folder}")


def test_an_empty_folder_is_the_empty_tree() -> None:
    assert git.trees({}) == {"": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}


def test_the_pointer_of_a_recorded_file() -> None:
    # 64-8bits.tflite of gpt2, as the Hub lists it
    sha256, size = "c966da3b74697803352ca7c6f2f220e7090a557b619de9da0c6b34d89f7825c1", 125162496
    assert git.pointer_id(sha256, size) == "90e59f00f62c654b1a88a5f127dff14df4611cdc"
    assert len(git.pointer(sha256, size)) == 134


def test_a_commit_follows_from_its_tree() -> None:
    one, other = git.trees({"a": blob_id(b"a")})[""], git.trees({"a": blob_id(b"b")})[""]
    assert git.commit_id(one) == git.commit_id(one)
    assert git.commit_id(one) != git.commit_id(other)
