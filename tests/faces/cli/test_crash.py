"""A bug of ours is a sentence, exit code 70, and a file with the details for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ostler.faces.cli import app


@pytest.mark.parametrize("word", ["x", "\udc80"])  # a name that is no UTF-8, as Python has it
def test_a_bug_leaves_its_details_to_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], word: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("OSTLER_HOME", str(home))
    error = ValueError(word)
    with pytest.raises(SystemExit) as ended:
        app._our_bug(type(error), error, None)
    assert ended.value.code == 70
    (kept,) = (home / "logs").iterdir()
    assert "ValueError" in kept.read_text()
    assert [stat.S_IMODE(one.stat().st_mode) for one in (kept, kept.parent)] == [0o600, 0o700]
    said = capfd.readouterr().err
    assert "has a bug: ValueError: " in said
    assert str(kept) in said
