"""One backend's open connections and its count of requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ostler.faces.gateway.known import Known
from ostler.faces.gateway.messages import Backend, Broken, Busy, Idle, ToKeeper
from ostler.faces.gateway.response import Whole
from ostler.faces.gateway.upstream import Upstream

CONNECT_SECONDS = 5.0  # engines are on this machine or its network; a connect takes under 1 ms
# An engine is called idle a moment late, so that requests that follow each other do not cost two
# messages each. Late is safe: nothing busy is stopped, something idle is stopped 50 ms later.
CALM_SECONDS = 0.05
# After a connect that failed, other replicas are asked first for so long; the keeper, which is told
# at once, decides what becomes of the engine.
REST_SECONDS = 1.0
MAX_IDLE = 1024  # kept open per backend; more at once are opened and closed again


class Pool:
    """The way to one engine: pooled connections, least recently used at the front."""

    __slots__ = (
        "_busy_for",
        "_calming",
        "_tell",
        "backend",
        "closed",
        "heads",
        "host",
        "idle",
        "in_flight",
        "rests_until",
        "unit",
    )

    def __init__(self, backend: Backend, tell: Callable[[ToKeeper], None]) -> None:
        self.backend = backend
        # Which of the model's engines this is, whatever its process; backends are unit@pid.
        self.unit = backend.id.rpartition("@")[0] or backend.id
        self.host: bytes | None = b"%b:%d" % (backend.host.encode(), backend.port)
        self.heads: Known[Whole] = Known()  # of its answers
        self.idle: list[Upstream] = []
        self.in_flight = 0
        self.closed = False
        self.rests_until = 0.0  # by the loop's clock
        self._busy_for: set[str] = set()  # roles of callers, as the keeper was told last
        self._calming = False  # a look whether it is idle is due
        self._tell = tell

    def reaches(self, backend: Backend) -> bool:
        """Say whether this pool's connections lead to that backend."""
        return (self.backend.host, self.backend.port) == (backend.host, backend.port)

    def begin(self, role: str = "") -> None:
        """Count a request in, of a caller in this role; empty: of one without a key."""
        self.in_flight += 1
        if role not in self._busy_for:
            self._busy_for.add(role)
            self._tell(Busy(self.backend.id, role))

    def end(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        if self.closed:  # nothing can follow: who waits for its end need not wait for calm
            self._say_idle()
        elif self.in_flight == 0 and not self._calming:
            self._calming = True
            asyncio.get_running_loop().call_later(CALM_SECONDS, self._calm)

    def _calm(self) -> None:
        self._calming = False
        self._say_idle()

    def _say_idle(self) -> None:
        if self.in_flight == 0 and self._busy_for:
            self._busy_for.clear()
            self._tell(Idle(self.backend.id))

    def broken(self, why: str) -> None:
        """Tell the keeper that the backend does not answer as it should."""
        self.rests_until = asyncio.get_running_loop().time() + REST_SECONDS
        self._tell(Broken(self.backend.id, why))

    def take(self) -> Upstream | None:
        """Return an open connection that nobody uses, if there is one."""
        return self.idle.pop() if self.idle else None

    def give(self, upstream: Upstream) -> None:
        """Take a connection back for the next request."""
        if self.closed or len(self.idle) >= MAX_IDLE:
            upstream.drop()
        else:
            self.idle.append(upstream)

    async def connect(self) -> Upstream:
        """Open a fresh connection. Raises OSError, TimeoutError."""
        upstream = Upstream(self)
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._open(upstream)
        return upstream

    async def _open(self, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: upstream, self.backend.host, self.backend.port)

    def close(self) -> None:
        """Close what is idle now and whatever is given back later."""
        self.closed = True
        self._say_idle()
        for upstream in self.idle:
            upstream.drop()
        self.idle.clear()


class ControlPool(Pool):
    """The way to the control API: a unix socket, of which the keeper needs no reports."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        super().__init__(Backend("", "", 0), _tell_nobody)
        self.path = path
        self.host = None

    async def _open(self, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: upstream, self.path)


def _tell_nobody(message: ToKeeper) -> None:
    """The control API's own life is not the keeper's news."""
