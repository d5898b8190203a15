"""Heads that came before: a caller, and an engine, sends the same lines over and over; pure.

A head is looked up by its bytes, less the digits of its one Content-Length. What is remembered was
read and judged by the strict parser first, in a message that was whole in one piece and as long as
it said; the same bytes with other digits mean the same with another length. So nothing is taken
here that the parser would not have taken. Whatever differs in any byte goes the long way.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?([0-9]{1,9})\r\n")
LONGEST = 4096  # bytes of a head that is worth remembering
MOST = 256  # heads remembered; then all are forgotten, which costs one parse each
What = TypeVar("What")


class Spelling:
    """How a head is spelt around the digits of its Content-Length."""

    __slots__ = ("_fixed", "_form", "key")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.key = before + after
        self._fixed = len(self.key)
        self._form = before.replace(b"%", b"%%") + b"%d" + after.replace(b"%", b"%%")

    def body(self, data: bytes) -> bytes | None:
        """Return the body of a whole message that begins with this head, None where it is none.

        How long the message is says how long its body must be, and so which digits must be there:
        the one head that fits is made and compared.
        """
        size = len(data) - self._fixed
        size -= 3 if 102 < size < 1003 else _digits(size)
        head = self._form % size
        if data.startswith(head):
            body = data[len(head) :]
            if len(body) == size:
                return body
        return None


def _digits(size: int) -> int:
    """Return how many digits say the length of a body that is so long together with them."""
    digits = len(str(size))
    return digits if len(str(size - digits)) == digits else digits - 1


class Known(Generic[What]):
    """What heads were found to mean."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, What] = {}

    def recognise(self, data: bytes) -> tuple[What, int] | None:
        """Return what this message's head means and where its body begins.

        None where the head is new, or the message is not whole, or is followed by another.
        """
        end = data.find(b"\r\n\r\n", 0, LONGEST)
        found = LENGTH.search(data, 0, end + 2) if end > 0 else None
        if found is None:
            return None
        start, stop = found.span(1)
        if len(data) - end - 4 != int(data[start:stop]):
            return None
        what = self._heads.get(data[:start] + data[stop : end + 4])
        return None if what is None else (what, end + 4)

    def is_worth(self, data: bytes, body: int) -> Spelling | None:
        """Return how a parsed message's head is spelt: `body` is what its body measured.

        None where it cannot be remembered: its length is spelt unusually, or it came in pieces.
        """
        end = data.find(b"\r\n\r\n", 0, LONGEST)
        found = LENGTH.search(data, 0, end + 2) if end > 0 else None
        if found is None or not int(found[1]) == body == len(data) - end - 4:
            return None
        return Spelling(data[: found.start(1)], data[found.end(1) : end + 4])

    def remember(self, head: bytes, what: What) -> None:
        """Keep what a head means, by its spelling's key."""
        if len(self._heads) >= MOST:
            self._heads.clear()
        self._heads[head] = what

    def clear(self) -> None:
        """Forget all: what is judged of a head may have changed."""
        self._heads.clear()
