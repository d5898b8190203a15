"""Laws of ranges: what is given is exactly what a slice of the file is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.hub import ranges
from ostler.faces.hub.ranges import Unsatisfiable, asked

sizes = st.integers(0, 1000)
offsets = st.integers(0, 1200)


@given(sizes, offsets, offsets)
def test_from_to(size: int, first: int, last: int) -> None:
    content = bytes(n % 251 for n in range(size))
    header = f"bytes={first}-{last}"
    if last < first:
        assert asked(header, size) is None
    elif first >= size:
        with pytest.raises(Unsatisfiable):
            asked(header, size)
    else:
        span = asked(header, size)
        assert span is not None
        assert content[span.start : span.end] == content[first : last + 1]
        assert span.content_range == f"bytes {first}-{min(last, size - 1)}/{size}"


@given(sizes, offsets)
def test_open_and_suffix(size: int, count: int) -> None:
    content = bytes(n % 251 for n in range(size))
    for header, wanted in (
        (f"bytes={count}-", content[count:]),
        (f"bytes=-{count}", content[size - min(count, size) :]),
    ):
        if wanted:
            span = asked(header, size)
            assert span is not None
            assert content[span.start : span.end] == wanted
            assert span.length == len(wanted)
        else:
            with pytest.raises(Unsatisfiable):
                asked(header, size)


@given(st.text(), sizes)
def test_any_other_text_is_no_range_and_no_error(text: str, size: int) -> None:
    try:
        span = asked(text, size)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.start < span.end <= size


def test_the_etag_decides() -> None:
    assert ranges.still_wanted(None, "a")
    assert ranges.still_wanted('"a"', "a")
    assert not ranges.still_wanted('W/"a"', "a")  # a weak tag promises no equal bytes
    assert not ranges.still_wanted("Wed, 21 Oct 2026 07:28:00 GMT", "a")
    assert ranges.unchanged('"b", W/"a"', "a")
    assert ranges.unchanged("*", "a")
    assert not ranges.unchanged('"b"', "a")
    assert not ranges.unchanged(None, "a")
