"""Tunnels: two connections whose bytes go to each other as they come, whatever they mean.

A WebSocket to the dashboard becomes one once the control API has agreed to it. Nothing is kept
but what a connection has not taken yet: where one is slower, nothing more is read of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ostler.faces.gateway.messages import Ended

if TYPE_CHECKING:
    from ostler.faces.gateway.counts import Counts


class End(asyncio.Protocol):
    """One of a tunnel's two connections."""

    __slots__ = ("_tunnel", "is_full", "is_lost", "other", "sent", "transport")

    other: End

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self.transport = transport
        self.sent = 0  # bytes that came from here
        self.is_full = False  # it takes less than the other sends
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        self.sent += len(data)
        self._tunnel.moved = True
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        self.is_full = True
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.is_full = False
        self._tunnel.moved = True
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.other.transport.close()  # once it has taken what is still on the way to it
        if self.other.is_lost:
            self._tunnel.over()


class Tunnel:
    """A caller's connection and one to the control API; it ends when either does."""

    __slots__ = ("_ended", "_over", "far", "moved", "near", "since")

    def __init__(
        self,
        near: asyncio.Transport,
        far: asyncio.Transport,
        ended: Callable[[], Ended],
        over: Callable[[Tunnel], None],
        now: float,
    ) -> None:
        """`ended` returns what is written down of the request, `over` is told the tunnel's end;
        `now` is in seconds by the loop's clock.
        """
        self.near, self.far = End(self, near), End(self, far)
        self.near.other, self.far.other = self.far, self.near
        self.moved = False  # it got on since the latest look
        self.since = now  # when it last got on
        self._ended, self._over = ended, over
        near.set_protocol(self.near)
        far.set_protocol(self.far)

    def look(self, now: float, quiet: float) -> None:
        """End it if for so many seconds nothing came, or one side took nothing."""
        if self.moved and not (self.near.is_full or self.far.is_full):
            self.since = now
        self.moved = False
        if now - self.since > quiet:
            self.near.transport.abort()
            self.far.transport.abort()

    def close(self) -> None:
        """End it now."""
        self.near.transport.close()
        self.far.transport.close()

    def over(self) -> None:
        """Both connections are gone."""
        self._over(self)

    def ended(self) -> Ended:
        """Return what is written down of it."""
        sent = {"bytes_in": self.near.sent, "bytes_out": self.far.sent}
        return msgspec.structs.replace(self._ended(), **sent)


class Tunnels:
    """A worker's open tunnels, counted as what they are."""

    __slots__ = ("_clock", "_counts", "_note", "_open")

    def __init__(
        self, counts: Counts, note: Callable[[Ended], None], clock: Callable[[], float]
    ) -> None:
        self._counts = counts
        self._note = note
        self._clock = clock
        self._open: set[Tunnel] = set()

    def open(
        self, near: asyncio.Transport, far: asyncio.Transport, ended: Callable[[], Ended]
    ) -> Tunnel:
        """Let these two connections talk to each other from now on."""
        tunnel = Tunnel(near, far, ended, self._close, self._clock())
        self._open.add(tunnel)
        self._counts.tunnel()
        return tunnel

    def _close(self, tunnel: Tunnel) -> None:
        if tunnel in self._open:
            self._open.remove(tunnel)
            self._counts.tunnel(-1)
            self._note(tunnel.ended())

    def look(self, quiet: float) -> None:
        """End those where nothing gets on for so many seconds."""
        now = self._clock()
        for tunnel in list(self._open):
            tunnel.look(now, quiet)

    def close(self) -> None:
        """End all of them: none gets finished by being waited for."""
        for tunnel in list(self._open):
            tunnel.close()
            self._close(tunnel)
