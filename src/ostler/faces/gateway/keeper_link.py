"""The line to the keeper: its words in, ours out. Its end is the worker's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ostler.faces.gateway.messages import (
    Lines,
    ToGateway,
    ToKeeper,
    encode,
    read_by_gateway,
)

# What a keeper that does not read may leave here, bytes. Beyond it ended requests go untold:
# they are figures only, while Busy and Idle decide what may be stopped.
MOST_UNSENT = 4 * 1024 * 1024


class KeeperLink(asyncio.Protocol):
    """Speaks newline-delimited JSON over the inherited control socket."""

    def __init__(self, hear: Callable[[ToGateway], None], lost: Callable[[], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._lines = Lines()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._hear(read_by_gateway(line))

    def eof_received(self) -> bool:
        """The keeper has nothing more to say; it hears what we have until we hang up as well."""
        self._lost()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()

    def tell(self, message: ToKeeper) -> None:
        """Send a message at once."""
        if self._transport is not None:
            self._transport.write(encode(message))

    def tell_ended(self, lines: bytes) -> None:
        """Send lines of ended requests."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() < MOST_UNSENT:
            transport.write(lines)

    def close(self) -> None:
        """Hang up, once all is sent."""
        if self._transport is not None:
            self._transport.close()
