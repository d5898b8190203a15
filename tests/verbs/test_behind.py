"""Writes beside the receiving: in order, one at a time, and none after one that failed."""

from __future__ import annotations

import threading

import pytest

from ostler.verbs.behind import Behind


def test_a_write_runs_beside_and_the_next_waits_for_it() -> None:
    go, done = threading.Event(), []

    def slow() -> None:
        assert go.wait(10)
        done.append(1)

    with Behind() as behind:
        behind.begin(slow)
        assert done == []  # begin has returned all the same
        go.set()
        behind.begin(lambda: done.append(2))
        assert done[:1] == [1]
    assert done == [1, 2]  # leaving waits too


def test_after_a_write_that_failed_none_is_begun() -> None:
    done = []

    def full() -> None:
        raise OSError("full")

    with Behind() as behind:
        behind.begin(full)
        for _ in range(2):
            with pytest.raises(OSError, match="full"):
                behind.begin(lambda: done.append(1))
            with pytest.raises(OSError, match="full"):
                behind.wait()
    assert done == []
