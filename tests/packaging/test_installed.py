"""Ostler is installed into empty environments by three installers, and does its work from there."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.packaging.conftest import Built
from tests.stories.conftest import ROOT, end

from ostler.verbs.installing import pip_words
from ostler.version import __version__

BIN = Path(sys.executable).parent
CHAT = "ostler/tiny-llama-GGUF"
Env = dict[str, str]


def ran(argv: list[str], env: Env, folder: Path) -> str:
    """Run outside of the checkout; return what was said."""
    place = folder / "elsewhere"
    place.mkdir(exist_ok=True)
    done = subprocess.run(argv, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


def test_pip_from_the_sources_and_a_whole_way(
    built: Built, stranger: Env, tmp_path: Path, shipped_hub: str
) -> None:
    """An empty environment gets Ostler, which pulls, verifies, runs and serves from there."""
    words = pip_words(tmp_path / "env")
    ran([*words, "install", "--no-compile", str(built.sdist)], stranger, tmp_path)
    ostler = str(tmp_path / "env/bin/ostler")
    env = {**stranger, "HF_ENDPOINT": shipped_hub, "HF_HUB_DISABLE_TELEMETRY": "1"}
    assert ran([ostler, "--version"], env, tmp_path).strip() == f"ostler {__version__}"
    where = [str(tmp_path / "env/bin/python"), "-c", "import ostler; print(ostler.__file__)"]
    assert str(ROOT) not in ran(where, env, tmp_path)
    ran([ostler, "pull", CHAT, "--quiet"], env, tmp_path)
    ran([ostler, "verify", CHAT], env, tmp_path)
    said = ran([ostler, "run", CHAT, "Say hello", "--temperature", "0"], env, tmp_path)
    assert said.strip() == "hello"
    health = [str(tmp_path / "env/bin/python"), "-m", "ostler.programs.health"]
    with (tmp_path / "said").open("w") as told:
        server = subprocess.Popen(
            [ostler, "serve", "--port", "0"],
            cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=told, text=True,
        )  # fmt: skip
        try:
            assert server.stdout
            assert "Ostler serves at http://" in server.stdout.readline()
            ran(health, env, tmp_path)
        finally:
            code = end(server)
    assert code == 0, (tmp_path / "said").read_text()
    done = subprocess.run(health, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


def test_pipx(built: Built, stranger: Env, tmp_path: Path) -> None:
    pipx = BIN / "pipx"
    if not pipx.exists():
        pytest.skip("NO PIPX: `pipx install` was not tried")
    said = ran([str(pipx), "install", str(built.wheel)], stranger, tmp_path)
    assert "ostler" in said
    program = tmp_path / "pipx/bin/ostler"
    assert ran([str(program), "--version"], stranger, tmp_path).strip() == f"ostler {__version__}"
    ran([str(pipx), "uninstall", "ostler"], stranger, tmp_path)
    assert not program.exists()


def test_uvx(built: Built, stranger: Env, tmp_path: Path) -> None:
    uvx = BIN / "uvx"
    if not uvx.exists():
        pytest.skip("NO UVX: it was not tried")
    argv = [str(uvx), "--from", str(built.wheel), "ostler"]
    assert ran([*argv, "--version"], stranger, tmp_path).strip() == f"ostler {__version__}"
    assert "llamacpp" in ran([*argv, "engine", "ls"], stranger, tmp_path)


def test_the_sources_are_those_that_git_knows(built: Built) -> None:
    """No environment, no engine, nothing of this machine; and all that builds and tests it."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    with tarfile.open(built.sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert held - {"PKG-INFO"} <= set(listed.stdout.split("\n")) | untracked()
    assert {"pyproject.toml", "README.md", "LICENSE", "Dockerfile", "Makefile"} <= held


def untracked() -> set[str]:
    """What somebody is writing at this moment: new files that git does not ignore."""
    said = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(said.stdout.split("\n"))
