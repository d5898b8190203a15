"""Heads that are remembered mean what the parser read, and nothing else is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway.known import MOST, Known

HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nX: 1\r\n\r\n"


def message(size: int, head: bytes = HEAD) -> bytes:
    return head % size + b"b" * size


def taught(data: bytes, body: int) -> Known[str]:
    known: Known[str] = Known()
    spelling = known.is_worth(data, body)
    assert spelling is not None
    known.remember(spelling.key, "it")
    return known


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_another_length_is_the_same_head(first: int, second: int) -> None:
    known = taught(message(first), first)
    data = message(second)
    assert known.recognise(data) == ("it", len(data) - second)


@given(st.integers(0, len(message(5)) - 1))
def test_a_message_that_is_not_whole_is_not_taken(cut: int) -> None:
    assert taught(message(5), 5).recognise(message(5)[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        message(5) + b"x",
        message(5) + message(5),
        message(5).replace(b"X: 1", b"X: 2"),
        message(5).replace(b"Length: 5", b"Length: 5, 5"),
        message(5).replace(b"Length: 5", b"Length: +5"),
        message(5).replace(b"Length: 5", b"Length:  5"),
        message(5).replace(b"X: 1", b"Content-Length: 5"),
        message(5).replace(b"X: 1", b"Transfer-Encoding: chunked"),
        message(5).replace(b"\r\n", b"\n"),
        b" " + message(5),
    ],
)
def test_whatever_differs_goes_the_long_way(data: bytes) -> None:
    assert taught(message(5), 5).recognise(data) is None


def test_a_second_length_is_part_of_what_is_compared() -> None:
    twice = HEAD.replace(b"X: 1", b"content-length: 5")
    known = taught(message(5), 5)
    assert known.recognise(message(5, twice)) is None
    assert known.is_worth(b"POST / HTTP/1.1\r\nHost: h\r\n\r\nbody", 4) is None
    assert known.is_worth(message(5), 4) is None


def test_a_head_that_is_long_or_one_of_many_is_forgotten() -> None:
    known = taught(message(5), 5)
    long = HEAD.replace(b"X: 1", b"X: " + b"1" * 5000)
    assert known.is_worth(message(5, long), 5) is None
    for number in range(MOST):
        known.remember(b"%d" % number, "other")
    assert known.recognise(message(5)) is None
    known = taught(message(5), 5)
    known.clear()
    assert known.recognise(message(5)) is None


EDGES = [near + power for power in (10, 100, 1000, 10_000, 100_000) for near in range(-7, 7)]
HEADS = st.sampled_from([HEAD, b"POST /%%41 HTTP/1.1\r\ncontent-length: %d\r\n\r\n"])


@given(HEADS, st.integers(0, 300_000), st.integers(0, 300_000) | st.sampled_from(EDGES))
def test_a_spelling_finds_the_body_of_any_length(head: bytes, first: int, second: int) -> None:
    data = message(first, head)
    spelling = Known[str]().is_worth(data, first)
    assert spelling is not None
    assert spelling.body(message(second, head)) == b"b" * second


@given(st.integers(0, 2000) | st.sampled_from(EDGES), st.integers(-3, 3))
def test_a_spelling_takes_what_is_whole_and_no_more(size: int, more: int) -> None:
    spelling = Known[str]().is_worth(message(5), 5)
    assert spelling is not None
    data = message(size)
    data = data[: len(data) + more] if more < 0 else data + b"x" * more
    assert spelling.body(data) == (b"b" * size if more == 0 else None)
