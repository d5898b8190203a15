"""Reading a file in order: whatever of it is in memory, every byte comes once and in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostler.store import reading
from ostler.store.reading import PIECE, STEP, Reading

PAGE = 4096
NOISE = bytes(range(251)) * (3 * STEP // 251 + 1)  # no period of it is a power of two
SIZES = st.one_of(
    st.integers(0, 3 * PAGE),
    st.builds(
        lambda whole, part: max(0, whole + part),
        st.sampled_from([PIECE, STEP, 2 * STEP]),
        st.integers(-PAGE - 1, PAGE + 1),
    ),
)


def forget(path: Path) -> None:
    """Have the system keep nothing of it in memory, where it can."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SIZES, st.lists(st.integers(0, 2 * STEP), max_size=3), st.sampled_from([PIECE, STEP, 2**28]))
def test_every_byte_comes_once_in_order(
    tmp_path: Path, size: int, warm: list[int], stretch: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(NOISE[:size])
    forget(path)
    with path.open("rb", buffering=0) as file:
        for at in warm:  # with what the system reads ahead of it, some of it is in memory now
            os.preadv(file.fileno(), [bytearray(PAGE)], at)
    with Reading(path, stretch) as opened:
        assert opened.size == size
        assert b"".join(bytes(piece) for piece in opened.pieces()) == NOISE[:size]


@pytest.mark.parametrize("lacking", ["RWF_NOWAIT", "O_DIRECT"])
def test_a_system_without_such_ways_reads_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(NOISE[: STEP + 5])
    if lacking == "O_DIRECT":
        monkeypatch.delattr(os, "O_DIRECT")
    else:
        monkeypatch.setattr(reading, "NOWAIT", None)
    with Reading(path) as opened:
        assert b"".join(bytes(piece) for piece in opened.pieces()) == NOISE[: STEP + 5]


def test_it_can_be_left_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(NOISE[: 3 * STEP])
    forget(path)
    with Reading(path) as opened:
        first = bytes(next(opened.pieces()))
    assert len(first) > 0
    assert NOISE.startswith(first)


def test_a_file_that_is_cut_meanwhile_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(NOISE[: 3 * STEP])
    forget(path)
    with Reading(path) as opened:
        os.truncate(path, STEP // 2)
        assert b"".join(bytes(piece) for piece in opened.pieces()) == NOISE[: STEP // 2]


def in_memory(path: Path, at: int) -> bool:
    assert reading.NOWAIT is not None
    with path.open("rb", buffering=0) as file:
        try:
            return os.preadv(file.fileno(), [bytearray(PAGE)], at, reading.NOWAIT) > 0
        except BlockingIOError:
            return False


@pytest.mark.skipif(reading.NOWAIT is None, reason="this system cannot say what is in memory")
def test_what_is_cold_does_not_push_others_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(NOISE[: 3 * STEP])
    forget(path)
    if in_memory(path, STEP):
        pytest.skip("this file system keeps all in memory")
    with Reading(path) as opened:
        assert sum(len(piece) for piece in opened.pieces()) == 3 * STEP
    assert not in_memory(path, 3 * STEP - PAGE)
