"""Server-sent events of a streamed answer, from its bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ostler.faces.client.steps import refusal


class Pieces:
    """The text of a streamed chat, piece by piece; bytes may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self.ended = False

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the texts that these bytes complete. Raises the refusal that a stream names."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            field, _, value = line.strip().partition(b":")
            if field != b"data":
                continue
            value = value.strip()
            if value == b"[DONE]":
                self.ended = True
                return
            said = json.loads(value)
            if "error" in said:
                raise refusal(500, said)
            yield from _texts(said)


def _texts(said: dict[str, Any]) -> Iterator[str]:
    for choice in said.get("choices") or ():
        text = (choice.get("delta") or {}).get("content")
        if text:
            yield str(text)
