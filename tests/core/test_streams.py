"""What an answer says of its place in a file is held against what it may be."""

from __future__ import annotations

import pytest

from ostler.core.streams import byte_range, place_in_file


@pytest.mark.parametrize(
    ("status", "headers", "start", "size"),
    [
        (200, {"Content-Length": "7"}, 0, 7),
        (206, {"Content-Range": "bytes 3-6/7", "Content-Length": "4"}, 3, 7),
        (206, {"Content-Range": "bytes 3-6/*", "Content-Length": "4"}, 3, None),
        (200, {"Content-Range": "bytes 3-6/7", "Content-Length": "7"}, 0, 7),
        (206, {"Content-Range": "lines 3-6/7"}, 0, None),
        (206, {"Content-Range": f"bytes {'9' * 5000}-6/7"}, 0, None),
        (200, {"Content-Length": "9" * 5000}, 0, None),
        (200, {"Content-Length": "-1"}, 0, None),
        (200, {"Content-Length": "\u0664"}, 0, None),
        (200, {}, 0, None),
    ],
)
def test_where_an_answer_begins(
    status: int, headers: dict[str, str], start: int, size: int | None
) -> None:
    assert place_in_file(status, headers) == (start, size)


def test_what_asks_for_a_range() -> None:
    assert byte_range(0, None) == {}
    assert byte_range(3, None) == {"Range": "bytes=3-"}
    assert byte_range(0, 7) == {"Range": "bytes=0-6"}
