"""Blocks, marks, lanes: what is recorded reads back, and what is torn is passed over."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ostler.core import blocks
from ostler.core.blocks import BLOCK, DIGEST, MANY, Mark

sizes = st.integers(0, 5 * BLOCK)


def digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


@given(sizes)
def test_what_a_manifest_keeps_gives_the_hash_at_the_end_of_each_block(size: int) -> None:
    ends = blocks.ends(size)
    assert len(ends) == blocks.count(size)
    assert list(ends) == sorted(set(ends))
    assert (ends[-1] if ends else 0) == size
    known = {end: digest(end) for end in ends}
    joined = blocks.joined(known, size)
    whole = known[size] if size else digest(0)
    assert blocks.expected(joined, whole, size) == tuple(known.values())


@given(st.integers(BLOCK + 1, 5 * BLOCK))
def test_what_was_never_recorded_is_said_to_be_unknown(size: int) -> None:
    assert blocks.expected("", digest(size), size) is None
    assert blocks.joined({size: digest(size)}, size) == ""


def test_a_small_file_is_one_block_proven_by_its_own_hash() -> None:
    assert blocks.expected("", digest(1), BLOCK) == (digest(1),)
    assert blocks.expected("", digest(1), 0) == ()


@given(st.lists(st.integers(1, 10**12), unique=True, max_size=8), st.integers(0, 100), st.randoms())
def test_a_journal_that_was_torn_loses_its_last_line_alone(
    offsets: list[int], cut: int, random: st.DataObject
) -> None:
    lines = [f"{offset} {digest(offset)}\n" for offset in sorted(offsets)]
    whole = tuple(Mark(offset, digest(offset)) for offset in sorted(offsets))
    assert blocks.marks("".join(lines)) == whole
    torn = "".join(lines)[: -1 - min(cut, DIGEST)] if lines else ""
    read = blocks.marks(torn)
    assert read in (whole, whole[:-1])
    assert blocks.marks("garbage\n12 zz\n-3 " + digest(1) + "\n") == ()


@given(st.integers(0, 2**45), st.integers(1, 64), st.integers(0, 20))
def test_lanes_together_are_never_more_than_the_workers(
    size: int, workers: int, large: int
) -> None:
    each = blocks.lanes(size, large, workers)
    assert each >= 1
    assert each == 1 or size >= MANY
    assert each * max(1, large) <= max(workers, large)
