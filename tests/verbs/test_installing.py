"""Installing an engine into an environment of its own, with a package made on the spot."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from ostler.errors import Busy, EngineFailed, EngineUnsupported
from ostler.verbs.installing import STAMP, InstallPlan, install, plan_install, stamp_of


def wheel(folder: Path) -> Path:
    """A package `demo` without a dependency, as pip takes it."""
    path = folder / "demo-1.0-py3-none-any.whl"
    info = "demo-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo.py", "ANSWER = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def plan_of(folder: Path, requirement: str) -> InstallPlan:
    pins = folder / "pins.txt"
    pins.write_text(requirement + "\n")
    stamp = stamp_of(pins.read_bytes())
    return InstallPlan("demo", folder / "engines/demo", pins, stamp, True, "a test asks for it")


def test_an_engine_is_installed_where_it_belongs(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_of(tmp_path, str(wheel(tmp_path)))
    install(plan, said.append, cpu_only=False)
    assert (plan.folder / STAMP).read_text() == plan.stamp
    got = subprocess.check_output(
        [plan.folder / "bin/python", "-c", "import demo; print(demo.ANSWER)"]
    )
    assert got == b"42\n"
    assert any(line.startswith("Successfully installed demo") for line in said)


def test_a_failed_installation_says_why_and_is_not_called_finished(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, str(tmp_path / "nowhere.whl"))
    plan.folder.mkdir(parents=True)
    (plan.folder / STAMP).write_text("from an earlier one")
    with pytest.raises(EngineFailed, match="nowhere") as caught:
        install(plan, lambda line: None, cpu_only=False)
    assert caught.value.facts["exit_code"] == 1
    assert not (plan.folder / STAMP).exists()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "demo==1.0")
    plan.folder.parent.mkdir()
    with FileLock(f"{plan.folder}.lock"), pytest.raises(Busy):
        install(plan, lambda line: None, cpu_only=False)


def test_the_plan_sees_what_is_there(tmp_path: Path) -> None:
    plan = plan_install("transformers", tmp_path)
    assert plan.needed
    assert "no finished installation" in plan.because
    plan.folder.mkdir()
    (plan.folder / STAMP).write_text("other pins")
    assert "other pins" in plan_install("transformers", tmp_path).because
    (plan.folder / STAMP).write_text(plan.stamp)
    done = plan_install("transformers", tmp_path)
    assert not done.needed
    install(done, lambda line: pytest.fail("nothing was to be done"))
    assert [entry.name for entry in plan.folder.iterdir()] == [STAMP]


def test_other_pins_make_another_stamp(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "demo==1.0")
    assert plan.stamp != plan_of(tmp_path, "demo==1.1").stamp
    assert plan == replace(plan_of(tmp_path, "demo==1.0"), requirements=plan.requirements)


@pytest.mark.parametrize("engine", ["nothing", "../transformers", "", "llamacpp"])
def test_unknown_engines_are_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(EngineUnsupported) as caught:
        plan_install(engine, tmp_path)
    assert "transformers" in caught.value.hint


def test_every_pin_is_exact(tmp_path: Path) -> None:
    pins = plan_install("transformers", tmp_path).requirements.read_text().splitlines()
    words = [line for line in pins if line and not line.startswith("#")]
    assert words
    assert all("==" in word for word in words)
