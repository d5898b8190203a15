"""The ways to all engines, and which of a model's engines a request goes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from ostler.core.affinity import PREFIX, by_prefix
from ostler.faces.gateway.messages import Model, Table, ToKeeper
from ostler.faces.gateway.pool import Pool
from ostler.faces.gateway.prompts import head_of

if TYPE_CHECKING:
    from ostler.faces.gateway.lanes import Track

LOAD, TRACKS_LOAD = attrgetter("in_flight"), attrgetter("pool.in_flight")


class Replicas:
    """A pool for each engine of the table in force; engines rest after a connect that failed."""

    __slots__ = ("_clock", "_pools", "_tell")

    def __init__(self, clock: Callable[[], float], tell: Callable[[ToKeeper], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._pools: dict[str, Pool] = {}  # by the backend's id

    def of(self, model: Model) -> list[Pool]:
        """Return the ways to a model's engines."""
        return [self._pools[backend.id] for backend in model.backends]

    def choose(self, body: bytes, model: Model) -> Pool:
        """Return the way that a request with this body goes."""
        if len(model.backends) == 1:
            return self._pools[model.backends[0].id]
        return self.best(self.of(model), body, model)

    def best(self, pools: Sequence[Pool], body: bytes, model: Model) -> Pool:
        """Return the best of these: where the prompt's head is at home, or with least to do."""
        now = self._clock()
        sound = [pool for pool in pools if pool.rests_until <= now] or pools
        head = head_of(body) if model.choice == PREFIX and len(sound) > 1 else b""
        if not head:
            return min(sound, key=LOAD)
        loads = [pool.in_flight for pool in sound]
        return sound[by_prefix(head, [pool.unit for pool in sound], loads)]

    def least_busy(self, tracks: Sequence[Track]) -> Track:
        """Return the one to the engine with the fewest requests."""
        now = self._clock()
        sound = [track for track in tracks if track.pool.rests_until <= now] or tracks
        return min(sound, key=TRACKS_LOAD)

    def renew(self, table: Table) -> None:
        """Take a new table: keep the ways that still lead to an engine, close the others."""
        old, self._pools = self._pools, {}
        for model in table.models.values():
            for backend in model.backends:
                pool = old.get(backend.id)
                if pool is None or not pool.reaches(backend):
                    pool = Pool(backend, self._tell)
                pool.backend = backend
                self._pools[backend.id] = pool
        for id, pool in old.items():
            if self._pools.get(id) is not pool:
                pool.close()
