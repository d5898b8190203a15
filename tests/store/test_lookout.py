"""A lookout knows what the store holds, however it came there, and reads nothing to know it still.

The law: after any changes, by whatever writer, the next look that is due finds what reading the
whole store finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostler.core import plans
from ostler.nouns import Manifest
from ostler.store import Store, lookout
from ostler.store.lookout import LONGEST, SETTLES, Lookout
from ostler.store.manifests import Manifests

NAMES = ("acme/one", "acme/two", "other/one")
COMMITS = ("a" * 40, "b" * 40)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def manifest(
    name: str, commit: str, pulled_at: str = "2026-01-01", branch: str = "main"
) -> Manifest:
    return Manifest("hf", name, commit, (), revisions=(branch,), pulled_at=pulled_at)


def looked(one: Lookout) -> list[Manifest]:
    one.look()
    return list(one.found)


def rested(one: Lookout, clock: Clock) -> list[Manifest]:
    """Look until the next look at all folders is not due for a while."""
    for _ in range(4):
        one.look()
        clock.now += SETTLES
    one.look()
    return list(one.found)


changes = st.lists(
    st.tuples(
        st.sampled_from(("write", "write", "remove", "rmtree", "look", "wait")),
        st.sampled_from(NAMES),
        st.sampled_from(COMMITS),
        st.sampled_from(("2026-01-01", "2026-02-02")),
        st.sampled_from(("main", "dev")),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes)
def test_it_finds_what_reading_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, str, str, str, str, bool]]
) -> None:
    root, clock = tmp_path_factory.mktemp("store"), Clock()
    manifests, watch = Manifests(root), Lookout(root, clock)
    for act, name, commit, pulled_at, branch, stamped in told:
        one = manifest(name, commit, pulled_at, branch)
        if act == "write":
            manifests.write(one)
        elif act == "remove" and manifests.get("hf", name, commit):
            manifests.remove(one)
        elif act == "rmtree":
            shutil.rmtree(root / "hf" / name, ignore_errors=True)
        elif act == "wait":
            clock.now += SETTLES + 1
        if act == "look":
            watch.look()
        elif stamped:
            lookout.renew(root)
            assert looked(watch) == manifests.all()
    clock.now += LONGEST + 1
    assert looked(watch) == manifests.all()


def test_two_changes_within_one_tick_of_the_clock_are_both_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "_mark", lambda found: (0, found.st_ino, 0, 0))  # a stopped clock
    manifests, clock = Manifests(tmp_path), Clock()
    watch = Lookout(tmp_path, clock)
    manifests.write(manifest("acme/one", COMMITS[0]))
    assert len(looked(watch)) == 1
    manifests.write(manifest("acme/one", COMMITS[1]))
    lookout.renew(tmp_path)
    assert len(looked(watch)) == 2, "the stamp tells of it, though the folder's mark is the same"
    manifests.remove(manifest("acme/one", COMMITS[0]))
    clock.now += SETTLES
    assert len(looked(watch)) == 1, "without a stamp a folder is read once more when it has settled"


def test_a_store_in_which_nothing_happens_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests, clock = Manifests(tmp_path), Clock()
    watch = Lookout(tmp_path, clock)
    for name in NAMES:
        manifests.write(manifest(name, COMMITS[0]))
    rested(watch, clock)
    listed: list[int] = []
    opened: list[object] = []
    monkeypatch.setattr(lookout.os, "listdir", listed.append)
    real: Callable[..., int] = os.open
    monkeypatch.setattr(lookout.os, "open", lambda *of: opened.append(of[0]) or real(*of))
    assert not watch.look()
    assert opened == [], "until the next look at all folders is due, one small file is read"
    clock.now += LONGEST
    assert not watch.look()
    assert len(opened) == 1 + 1 + 2 + 3, "the root, the source, two owners, three repositories"
    assert listed == []


def test_only_the_repository_that_changed_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests, clock = Manifests(tmp_path), Clock()
    watch = Lookout(tmp_path, clock)
    for name in NAMES:
        manifests.write(manifest(name, COMMITS[0]))
    watch.look()
    clock.now += SETTLES
    watch.look()
    read: list[str] = []
    real = Manifests.get
    monkeypatch.setattr(Manifests, "get", lambda self, *of: read.append(of[1]) or real(self, *of))
    manifests.write(manifest("acme/two", COMMITS[1]))
    lookout.renew(tmp_path)
    assert watch.look()
    assert read == ["acme/two", "acme/two"]
    assert list(watch.found) == manifests.all()


def test_another_process_is_seen_at_the_next_look(tmp_path: Path) -> None:
    store, clock = Store(tmp_path), Clock()
    watch = Lookout(tmp_path / "models", clock)
    assert rested(watch, clock) == []
    writer = (
        "import sys; from pathlib import Path; from ostler.store import Store;"
        "from ostler.nouns import Manifest;"
        f"Store(Path({str(tmp_path)!r})).register(Manifest('hf', 'acme/one', 'a' * 40, ()))"
    )
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert [one.name for one in looked(watch)] == ["acme/one"]
    rested(watch, clock)
    store.forget(plans.removal(watch.found[0], None, list(watch.found)))
    assert looked(watch) == []


def test_a_damaged_manifest_is_said_and_what_it_was_stays(tmp_path: Path) -> None:
    manifests, clock = Manifests(tmp_path), Clock()
    watch = Lookout(tmp_path, clock)
    for name in NAMES:
        manifests.write(manifest(name, COMMITS[0]))
    watch.look()
    path = tmp_path / "hf/acme/one" / f"{COMMITS[0]}.json"
    whole = path.read_bytes()
    for content in (b"{", b"[]"):
        path.unlink()
        path.write_bytes(content)
        watch.look()
        assert [one.name for one in watch.found] == list(NAMES)
        (fault,) = watch.faults
        assert "is damaged" in fault
        assert str(path) in fault
    fresh = Lookout(tmp_path, clock)
    assert [one.name for one in looked(fresh)] == ["acme/two", "other/one"]
    assert fresh.faults == watch.faults
    rested(fresh, clock)
    clock.now += LONGEST
    path.write_bytes(whole)  # in place: the folder's mtime does not tell
    for one in (watch, fresh):
        assert looked(one) == manifests.all()
        assert one.faults == ()


def test_what_others_leave_in_the_folders_is_passed_over(tmp_path: Path) -> None:
    manifests = Manifests(tmp_path)
    manifests.write(manifest("acme/one", COMMITS[0]))
    (tmp_path / "hf/acme/notes.txt").write_text("mine")
    (tmp_path / "hf/acme/one/other.json").write_text("{")
    (tmp_path / "hf/acme/one/.0123456789abcdef.tmp").write_text("{")
    (tmp_path / f"{COMMITS[0]}.json").write_text("{")
    watch = Lookout(tmp_path, Clock())
    assert looked(watch) == manifests.all()
    assert watch.faults == ()


def test_a_stamp_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / lookout.STAMP).mkdir()
    lookout.renew(tmp_path)
    manifests = Manifests(tmp_path)
    watch = Lookout(tmp_path, Clock())
    manifests.write(replace(manifest("acme/one", COMMITS[0]), licence="mit"))
    assert looked(watch) == manifests.all()
