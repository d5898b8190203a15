"""A user's file: changed in one step or not at all, with its mode, its links and a copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ostler.core.editing import put
from ostler.errors import BrokenYaml, FileChanged, UsageError
from ostler.verbs import editing

TEXT = b"# mine\r\nmodels:\r\n  - a   # first\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "conf.yaml"
    path.write_bytes(TEXT)
    path.chmod(0o640)
    return path


def with_b(path: Path) -> editing.Change:
    return editing.plan(path, lambda now: put(now, ("models",), ["a", "b"]))


def test_the_file_is_written_with_its_mode_and_a_copy_is_kept(file: Path) -> None:
    kept = editing.carry_out(with_b(file))
    assert file.read_bytes() == TEXT + b"  - b\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert kept
    assert kept.read_bytes() == TEXT
    assert kept.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(file.parent)) == ["conf.yaml", kept.name]


def test_a_new_file_is_as_any_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The umask is the process's: to ask it by changing it would loosen what others make."""
    usual = tmp_path / "usual"
    usual.touch()
    monkeypatch.delattr(os, "umask")
    path = tmp_path / "new.yaml"
    editing.carry_out(editing.plan(path, lambda _: {"models": ["a"]}, new=True))
    assert path.read_text() == "models:\n  - a\n"
    assert path.stat().st_mode == usual.stat().st_mode


def test_two_copies_in_one_second_are_two_files(file: Path) -> None:
    first = editing.carry_out(with_b(file))
    file.write_bytes(TEXT)
    second = editing.carry_out(with_b(file))
    assert first != second
    assert first
    assert second
    assert first.read_bytes() == second.read_bytes() == TEXT


def test_a_file_that_changed_meanwhile_is_not_touched(file: Path) -> None:
    change = with_b(file)
    file.write_bytes(TEXT + b"# theirs\r\n")
    with pytest.raises(FileChanged):
        editing.carry_out(change, copy=False)
    assert file.read_bytes() == TEXT + b"# theirs\r\n"
    assert os.listdir(file.parent) == ["conf.yaml"]


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    editing.carry_out(with_b(link))
    assert link.is_symlink()
    assert b"- b" in file.read_bytes()


def test_what_is_not_utf8_is_refused_by_line_and_column(file: Path) -> None:
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(BrokenYaml, match="line 2, column 4"):
        with_b(file)


def test_nothing_to_change_writes_nothing(file: Path) -> None:
    before = file.stat().st_mtime_ns
    assert editing.carry_out(editing.plan(file, lambda now: now)) is None
    assert file.stat().st_mtime_ns == before
    assert os.listdir(file.parent) == ["conf.yaml"]


def test_a_file_that_is_not_there_is_refused_or_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        with_b(tmp_path / "none.yaml")
    new = tmp_path / "new.yaml"
    editing.carry_out(editing.plan(new, lambda now: put(now, ("a",), 1), new=True))
    assert new.read_bytes() == b"a: 1\n"
