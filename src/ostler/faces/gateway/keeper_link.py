"""The line to the keeper: its words in, ours out. Its end is the worker's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ostler.faces.gateway.messages import (
    Done,
    Lines,
    ToGateway,
    ToKeeper,
    encode,
    encode_all,
    read_by_gateway,
)

BATCH_SECONDS = 0.1  # ended requests are told together; all else is told at once
# What a keeper that does not read may leave here, bytes. Beyond it ended requests go untold:
# they are figures only, while Busy and Idle decide what may be stopped.
MOST_UNSENT = 4 * 1024 * 1024


class KeeperLink(asyncio.Protocol):
    """Speaks newline-delimited JSON over the inherited control socket."""

    def __init__(self, hear: Callable[[ToGateway], None], lost: Callable[[], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._lines = Lines()
        self._ended: list[Done] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._hear(read_by_gateway(line))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()

    def tell(self, message: ToKeeper) -> None:
        """Send at once; ended requests within a tenth of a second, together."""
        if isinstance(message, Done):
            if not self._ended:
                asyncio.get_running_loop().call_later(BATCH_SECONDS, self._tell_ended)
            self._ended.append(message)
        elif self._transport is not None:
            self._transport.write(encode(message))

    def _tell_ended(self) -> None:
        ended, self._ended = self._ended, []
        transport = self._transport
        if ended and transport is not None and transport.get_write_buffer_size() < MOST_UNSENT:
            transport.write(encode_all(ended))

    def close(self) -> None:
        """Tell what is untold and hang up."""
        self._tell_ended()
        if self._transport is not None:
            self._transport.close()
