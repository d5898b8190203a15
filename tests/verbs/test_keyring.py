"""A key is seen once; what is kept of it opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ostler.errors import KeyExists, UnknownKey, UsageError
from ostler.nouns import AccessKey
from ostler.records.records import Records
from ostler.verbs import keyring


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(tmp_path)
    yield opened
    opened.close()


def test_only_the_hash_is_kept(records: Records, tmp_path: Path) -> None:
    key = keyring.create(AccessKey("anna", "not looked at"), records, "cli:root")
    assert key.startswith(keyring.PREFIX)
    assert len(key) > 40
    (kept,) = records.keys.all()
    assert kept.sha256 == keyring.fingerprint(key)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"anna" in written
    assert key.encode() not in written


def test_keys_differ(records: Records) -> None:
    made = {keyring.create(AccessKey(f"k{n}", ""), records, "") for n in range(5)}
    assert len(made) == 5


def test_what_is_wrong_is_kept_nowhere(records: Records) -> None:
    with pytest.raises(UsageError):
        keyring.create(AccessKey("anna", "", role="root"), records, "")
    assert records.keys.all() == ()


def test_a_rotated_key_may_the_same(records: Records) -> None:
    first = keyring.create(AccessKey("anna", "", "operator", ("a/*",), 1, 2, 3), records, "cli:x")
    second = keyring.rotate("anna", records, "cli:y")
    old, new = records.keys.all()
    assert old.sha256 == keyring.fingerprint(first)
    assert old.revoked_at is not None
    assert new.sha256 == keyring.fingerprint(second)
    assert (new.role, new.models, new.tokens_per_day) == ("operator", ("a/*",), 3)
    assert [(event.act, event.actor) for event in records.events.since()] == [
        ("key.create", "cli:x"),
        ("key.rotate", "cli:y"),
    ]


def test_names(records: Records) -> None:
    keyring.create(AccessKey("anna", ""), records, "")
    with pytest.raises(KeyExists):
        keyring.create(AccessKey("anna", ""), records, "")
    keyring.revoke("anna", records, "cli:x", "left")
    assert records.events.since()[-1].why == "left"
    for act in (keyring.rotate, keyring.revoke):
        with pytest.raises(UnknownKey):
            act("anna", records, "")
