"""Keys from a file and from the environment, as the gateway knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostler.errors import UsageError
from ostler.faces.server.keys import hashed, read_keys


def test_lines_say_name_key_and_perhaps_a_role(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("anna one\nbert two user  # asks only\ncarl three operator\n")
    file.chmod(0o600)
    keys = read_keys(file, {"OSTLER_API_KEY": "four"})
    assert [(key.name, key.role) for key in keys] == [
        ("OSTLER_API_KEY", "operator"),
        ("anna", "operator"),
        ("bert", "user"),
        ("carl", "operator"),
    ]
    assert keys[1] == hashed("anna", "one")
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize("line", ["anna", "anna one root", "anna one user more"])
def test_a_line_that_is_none(tmp_path: Path, line: str) -> None:
    file = tmp_path / "keys"
    file.write_text(line)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="line 1"):
        read_keys(file, {})
