"""Every import contract fails when it is broken by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# contract -> (file to break, the line that breaks it)
BREAKS = {
    "floors": ("core/refs.py", "import ostler.store"),
    "the core decides and never waits": ("core/refs.py", "import os"),
    "an engine describes a process and runs nothing": (
        "engines/llamacpp.py",
        "import subprocess",
    ),
    "engines do not know each other": (
        "engines/llamacpp.py",
        "import ostler.engines.transformers",
    ),
    "sources do not know each other": (
        "sources/another.py",
        "import ostler.sources.huggingface",
    ),
    "verbs speak to ports, only the wiring names an adapter": (
        "verbs/fit.py",
        "import ostler.engines.llamacpp",
    ),
    "faces ask the wiring for engines, sources and launchers": (
        "faces/cli/pool.py",
        "import ostler.launchers.discovery",
    ),
    "programs stand alone": ("programs/llamacpp.py", "import ostler.errors"),
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(
        ROOT / "src/ostler", tmp_path / "ostler", ignore=shutil.ignore_patterns("models", "*.pyc")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_break_is_known_for_every_contract() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {c["name"] for c in config["tool"]["importlinter"]["contracts"]} == set(BREAKS)


def test_the_tree_as_it_is_keeps_them_all(tree: Path) -> None:
    assert f"{len(BREAKS)} kept, 0 broken" in lint(tree).stdout


@pytest.mark.parametrize("contract", BREAKS)
def test_a_break_by_hand_is_seen(tree: Path, contract: str) -> None:
    name, line = BREAKS[contract]
    file = tree / "ostler" / name
    old = file.read_text() if file.exists() else ""
    file.write_text(f"{old}\n{line}\n")
    seen = lint(tree)
    assert seen.returncode != 0
    assert f"{contract} BROKEN" in seen.stdout


def test_a_module_without_a_floor_is_seen(tree: Path) -> None:
    (tree / "ostler" / "utils.py").write_text("")
    seen = lint(tree)
    assert seen.returncode != 0
    assert "utils" in seen.stdout + seen.stderr
