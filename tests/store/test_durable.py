"""Small files that readers find whole, and locks that can be asked about."""

from __future__ import annotations

from pathlib import Path

from ostler.store import durable, locks


def test_news_replace_news_and_leave_no_draft(tmp_path: Path) -> None:
    place = tmp_path / "home" / "job.json"
    durable.tell(place, "one")
    durable.tell(place, "zwei: ä")
    assert place.read_text(encoding="utf-8") == "zwei: ä"
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(place.parent.iterdir()) == [place]


def test_a_lock_is_held_while_somebody_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    assert not locks.held(lock)
    assert not lock.exists()  # asking made none
    with locks.hold(lock):
        assert locks.held(lock)
    assert not locks.held(lock)
