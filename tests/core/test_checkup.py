"""What a doctor says follows from what was found, and everything bad names what mends it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core import checkup
from ostler.core.checkup import FileSystem, Finding
from ostler.nouns import Device

GB = checkup.GB


@given(st.integers(0, 0o7777), st.booleans())
def test_a_home_that_others_can_look_into_is_told(mode: int, ours: bool) -> None:
    found = checkup.permissions("/srv/a home", mode, ours)
    assert (found.state == "ok") == (ours and not mode & 0o077)
    assert bool(found.fix) == (found.state != "ok")
    if found.fix:
        assert "'/srv/a home'" in found.fix


@given(st.integers(0, 10**13), st.integers(0, 500), st.integers(0, 500))
def test_less_room_is_never_better(free: int, one: int, other: int) -> None:
    critical, warn = sorted((one, other))
    here = checkup.disk(free, 10**13, warn, critical)
    less = checkup.disk(free // 2, 10**13, warn, critical)
    assert checkup.ORDER.index(less.state) >= checkup.ORDER.index(here.state)


def test_room_at_the_seeds_bounds() -> None:
    states = [checkup.disk(gb * GB, 10**12, 50, 20).state for gb in (19, 20, 49, 50)]
    assert states == ["fail", "warn", "warn", "ok"]


@pytest.mark.parametrize("kind", checkup.REMOTE)
def test_a_shared_folder_is_told_that_locks_must_hold(kind: str) -> None:
    found = checkup.file_system("/mnt/m", FileSystem(kind, "box:/m", None))
    assert (found[0].state, "ostler hub serve" in found[0].fix) == ("warn", True)
    assert "unknown encryption" in found[1].what


def test_local_disks_are_well_and_memory_is_not() -> None:
    assert checkup.file_system("/m", FileSystem("ext4", "/dev/a", True, "x"))[0].state == "ok"
    assert checkup.file_system("/m", FileSystem("tmpfs", "tmpfs", None))[0].state == "warn"
    assert [one.state for one in checkup.file_system("/m", None)] == ["info"]


@given(st.floats(-1e5, 1e5))
def test_a_clock_fails_beyond_five_minutes(skew: float) -> None:
    found = checkup.clock(1e9 + skew, 1e9, "https://hub")
    assert (found.state == "fail") == (abs(1e9 + skew - 1e9) > 300)
    if found.state == "fail":
        assert ("ahead of" in found.what) == (skew > 0)


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(1, 65535), st.integers(1, 65535))
def test_ports_of_engines_and_of_everybody(a: int, b: int, c: int, d: int) -> None:
    (first, last), (low, high) = sorted((a, b)), sorted((c, d))
    shared = set(range(first, last + 1)) & set(range(low, high + 1))
    found = checkup.ports(first, last, (low, high))
    assert (found.state == "warn") == bool(shared)


def test_prices_grow_old() -> None:
    newest = max(one.as_of for one in data.prices() if one.as_of)
    for days, state in ((0, "ok"), (60, "ok"), (61, "warn")):
        today = newest + timedelta(days=days)
        assert checkup.prices(data.prices(), today, own=False).state == state
    assert checkup.prices((), date(2026, 11, 21), own=True).state == "warn"


def test_a_password_in_an_address_is_told_and_not_shown() -> None:
    text = "a: 1\nb: git:https://anna:s3cret@h/x/y\nc: https://h:8077/x@y\n"
    (found,) = checkup.addresses("/h/ostler.yaml", text)
    assert (found.state, "line 2" in found.what, "s3cret" in found.what) == ("fail", True, False)


@pytest.mark.parametrize(
    ("driver", "capability", "state", "said"),
    [
        ("525.60.13", 8.0, "ok", "driver 525.60.13"),
        ("470.239.06", 8.0, "warn", "CUDA 12 want 525.60.13"),
        ("580.65.06", 6.1, "warn", "capability 7.0"),
        (None, None, "ok", "driver unknown"),
    ],
)
def test_drivers_and_gpus_that_engines_have_left_behind(
    driver: str | None, capability: float | None, state: str, said: str
) -> None:
    found = checkup.gpu(Device("nvidia", 0, "Z", 1, 1, driver, capability))
    assert (found.state, said in found.what) == (state, True), found
    assert bool(found.fix) == (state == "warn")


def test_weights_in_git() -> None:
    files = {"a.safetensors": 5, "b.gguf": 5, "c.bin": 5, "d.bin": 20 * 2**20, "README.md": 10**9}
    found = checkup.tracked("/p", files, dict.fromkeys(checkup.IGNORE, True))
    assert [one.state for one in found] == ["fail"] * 3
    assert "c.bin" not in " ".join(one.what for one in found)
    open_ = checkup.tracked("/p", {}, {"*.gguf": True})
    assert (open_[0].state, "*.gguf" in open_[0].what) == ("warn", False)
    assert checkup.tracked("/p", {}, dict.fromkeys(checkup.IGNORE, True))[0].state == "ok"


@given(st.lists(st.sampled_from(checkup.ORDER)))
def test_the_worst_counts(states: list[checkup.State]) -> None:
    worst = checkup.worst([Finding("x", state, "") for state in states])
    assert all(checkup.ORDER.index(worst) >= checkup.ORDER.index(one) for one in states)
    assert worst in (*states, "ok")
