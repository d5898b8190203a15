"""When a model was last used, and what is not known of it."""

from __future__ import annotations

from typing import Any

import pytest

from ostler.core.last_use import last_use

PLAIN: dict[str, Any] = {
    "state": "ready", "busy": False, "last_used_seconds": None, "start_seconds": 1.5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"busy": True, "last_used_seconds": 0.0}, "now"),
        ({"last_used_seconds": 300.0}, "5 min ago"),
        ({"state": "failed", "last_used_seconds": 300.0}, "5 min ago"),
        ({}, "not yet"),
        ({"start_seconds": None}, "unknown"),
        ({"state": "starting", "start_seconds": None}, ""),
        ({"state": "failed"}, ""),
    ],
)
def test_when_it_was_last_used(more: dict[str, Any], words: str) -> None:
    assert last_use(PLAIN | more) == words
