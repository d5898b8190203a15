"""Finding installed engines without running them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from ostler.launchers.discovery import STAMP, installed


def test_the_wheel_is_found_with_its_version(tmp_path: Path) -> None:
    (wheel,) = installed(tmp_path, path="")
    assert (wheel.engine, wheel.via) == ("llamacpp", "wheel")
    assert wheel.version == version("xllamacpp")


def test_a_binary_on_path_is_found(tmp_path: Path) -> None:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    assert len(installed(tmp_path, path=str(tmp_path))) == 1
    program.chmod(0o755)
    binary = installed(tmp_path, path=str(tmp_path))[1]
    assert (binary.argv, binary.via, binary.version) == ((str(program),), "binary", "unknown")


def test_an_environment_counts_once_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "transformers"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib/python3.11/site-packages/transformers-5.23.0.dist-info").mkdir(parents=True)
    program = folder / "bin/transformers"
    program.touch(0o755)
    assert len(installed(tmp_path, path="")) == 1
    (folder / STAMP).touch()
    found = installed(tmp_path, path="")[1]
    assert (found.engine, found.version, found.via) == ("transformers", "5.23.0", "environment")
    assert found.argv == (str(program), "serve")
