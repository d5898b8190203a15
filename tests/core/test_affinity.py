"""Requests with one head go to one replica, none gets much more than its share, few heads move."""

from __future__ import annotations

from collections import Counter
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.affinity import BOUND, by_prefix

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12, unique=True)
HEADS = [b"head %d" % n for n in range(400)]


@given(NAMES, st.binary(max_size=20), st.data())
def test_nobody_gets_more_than_the_bound(
    names: list[str], head: bytes, data: st.DataObject
) -> None:
    loads = data.draw(st.lists(st.integers(0, 60), min_size=len(names), max_size=len(names)))
    chosen = by_prefix(head, names, loads)
    assert loads[chosen] + 1 <= ceil(BOUND * (sum(loads) + 1) / len(names))


@given(NAMES, st.binary(max_size=20), st.randoms())
def test_the_order_of_the_replicas_does_not_matter(
    names: list[str], head: bytes, random: Random
) -> None:
    loads = [0] * len(names)
    other = names[:]
    random.shuffle(other)
    assert names[by_prefix(head, names, loads)] == other[by_prefix(head, other, loads)]


@given(NAMES, st.text(min_size=1, max_size=8))
def test_a_replica_that_comes_or_goes_moves_only_its_own_heads(names: list[str], new: str) -> None:
    without = [name for name in names if name != new]
    more = [*without, new]
    if not without:
        return
    for head in HEADS[:100]:
        before = without[by_prefix(head, without, [0] * len(without))]
        after = more[by_prefix(head, more, [0] * len(more))]
        assert after in (before, new)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_heads_are_spread_evenly(count: int) -> None:
    names = [f"org/model#q4_k_m~{n}" for n in range(count)]
    shares = Counter(by_prefix(head, names, [0] * count) for head in HEADS)
    mean = len(HEADS) / count
    assert all(0.6 * mean < shares[n] < 1.4 * mean for n in range(count)), shares


def test_a_head_that_everybody_sends_goes_to_others_too_and_comes_back() -> None:
    names, loads = ["a", "b", "c", "d"], [0, 0, 0, 0]
    first = by_prefix(b"same", names, loads)
    for _ in range(40):
        loads[by_prefix(b"same", names, loads)] += 1
    assert max(loads) <= BOUND * 40 / 4 + 1
    assert by_prefix(b"same", names, [0, 0, 0, 0]) == first


def test_it_is_the_same_everywhere() -> None:
    """Workers and later processes must agree: no hash of this process's own."""
    names = ["a", "b", "c", "d", "e"]
    found = [by_prefix(b"%d" % n, names, [0] * 5) for n in range(10)]
    assert found == EXPECTED


EXPECTED = [2, 3, 3, 3, 1, 2, 4, 1, 0, 3]
