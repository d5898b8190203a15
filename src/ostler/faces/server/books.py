"""The server's books: who may call, what was served, what happened. One page for the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ostler.core import fleet as f
from ostler.core.telling import Seen, told
from ostler.errors import RecordsUnavailable
from ostler.faces.gateway import messages as m
from ostler.faces.server.ledger import BEREFT, Ledger
from ostler.faces.server.metrics import DeviceNow, Metrics, Now
from ostler.faces.server.pulse import Pulse
from ostler.faces.server.traces import Traces
from ostler.nouns import Device, Measurement
from ostler.records.records import Records


class Books:
    """Records, metrics and keys of one server."""

    def __init__(
        self,
        records: Records,
        fixed: Sequence[m.Key],
        owner: m.Key,
        closed: bool,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        """`fixed` are the keys from file and environment, `owner` this home's own commands'.

        `closed` means that other machines can call, so everybody needs a key.
        """
        self.ledger = Ledger(records, changed, complain)
        self.metrics = Metrics(self._now)
        self._fixed, self._owner, self._closed = tuple(fixed), owner, closed
        self.pulse = Pulse()
        self.traces: Traces | None = None
        self.devices: Callable[[], Sequence[Device]] = tuple
        self._fleet = f.fleet_of({})
        self._seen: dict[str, Seen] = {}  # the fleet as the history knows it
        self.parked: Callable[[], Mapping[str, int]] = dict  # requests that wait, by model
        self.tunnels: Callable[[], int] = int  # WebSockets that are open
        self._asked: dict[str, str] = {}  # model -> who asked for its next change

    def keys(self) -> Mapping[str, m.Key]:
        """Return the keys in force by their SHA-256; empty where nobody needs one.

        Once there was a key everybody needs one: the end of the last opens no door.
        """
        keys = (*self._fixed, *self.ledger.keys)
        if not (keys or self.ledger.required or self._closed):
            return {}
        return {key.sha256: key for key in (*keys, self._owner)}

    def fix(self, fixed: Sequence[m.Key]) -> None:
        """Take other keys from file and environment from now on."""
        self._fixed = tuple(fixed)

    @contextmanager
    def asked(self, model: str, actor: str) -> Iterator[None]:
        """Name who asked for what happens to a model meanwhile."""
        self._asked[model] = actor
        try:
            yield
        finally:
            self._asked.pop(model, None)

    def known(self, model: str, family: str | None, engine: str) -> Sequence[Measurement]:
        """Return what was measured before; nothing where the records cannot be read just now."""
        with suppress(RecordsUnavailable):
            return self.ledger.records.measurements.about(model, family, engine)
        return ()

    def troubles(self) -> list[str]:
        """Return what the operator should know of the records."""
        bereft = BEREFT if self.ledger.bereft else ""
        return [one for one in (self.ledger.trouble, bereft) if one]

    def served(self, done: m.Done) -> None:
        """Count a request that has ended."""
        self.ledger.served(done)
        self.metrics.served(done)
        self.pulse.served(done, time.monotonic())
        if self.traces is not None:
            self.traces.served(done)

    def looked(self) -> None:
        """Count who waits at this moment."""
        self.pulse.waits(self.parked(), time.monotonic())

    def changed(self, fleet: f.Fleet) -> None:
        """Write down what has happened to the fleet."""
        seen = {id: _seen(unit) for id, unit in fleet.units.items()}
        events = told(self._seen, seen, self._asked)
        self._fleet, self._seen = fleet, seen
        self.ledger.happened(events)

    def _now(self) -> Now:
        fleet, units = self._fleet, self._fleet.units.values()
        used = {one.id: one.total_bytes - one.free_bytes for one in self.devices()}
        return Now(
            models={unit.id: unit.state.value for unit in units},
            devices={
                id: DeviceNow(room, fleet.held(id), used.get(id)) for id, room in fleet.room.items()
            },
            waiting=len({unit.model for unit in units if unit.state in f.COMING}),
            downloads=self._downloads(),
            parked=self.parked(),
            tunnels=self.tunnels(),
        )

    def _downloads(self) -> Mapping[str, int]:
        """Return how downloads went; nothing where the records cannot be read just now."""
        with suppress(RecordsUnavailable):
            return self.ledger.records.attempts.counts()
        return {}


def _seen(unit: f.Unit) -> Seen:
    code = unit.failure.code if unit.failure else ""
    evicted = unit.evicted_at is not None
    return Seen(unit.state.value, unit.why, evicted, unit.device, unit.needs, code)
