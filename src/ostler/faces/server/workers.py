"""What several gateway workers say, as if one had said it; pure."""

from __future__ import annotations

from collections.abc import Iterable

from ostler.faces.gateway import messages as m
from ostler.faces.gateway.counts import SLOTS


class Chorus:
    """Puts the workers' words together.

    A backend is busy while any worker is busy with it. A table is taken when every living worker
    has taken it.
    """

    def __init__(self) -> None:
        self._busy: dict[str, set[int]] = {}
        self._roles: dict[str, set[str]] = {}  # of a busy backend's callers
        self._took: dict[int, int] = {}

    def join(self, worker: int) -> None:
        """A worker has started."""
        self._took[worker] = 0

    def hear(self, worker: int, message: m.ToKeeper) -> list[m.ToKeeper]:
        """Return what the keeper is to be told."""
        match message:
            case m.Busy(backend, role):
                self._busy.setdefault(backend, set()).add(worker)
                roles = self._roles.setdefault(backend, set())
                news = role not in roles
                roles.add(role)
                return [message] if news else []
            case m.Idle(backend):
                return self._idle(backend, worker)
            case m.Took(serial):
                before = self._least()
                self._took[worker] = serial
                return self._news(before)
        return [message]

    def leave(self, worker: int) -> list[m.ToKeeper]:
        """A worker is gone, and its requests with it."""
        before = self._least()
        self._took.pop(worker, None)
        told = [told for backend in list(self._busy) for told in self._idle(backend, worker)]
        return [*told, *self._news(before)]

    def _idle(self, backend: str, worker: int) -> list[m.ToKeeper]:
        workers = self._busy.get(backend, set())
        if worker not in workers:
            return []
        workers.discard(worker)
        if workers:
            return []
        del self._busy[backend], self._roles[backend]
        return [m.Idle(backend)]

    def _least(self) -> int:
        return min(self._took.values(), default=0)

    def _news(self, before: int) -> list[m.ToKeeper]:
        least = self._least()
        return [m.Took(least)] if least > before else []


class Slots:
    """Where the workers count each key, model and backend; a name keeps its place."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def fill(self, table: m.Table) -> dict[str, int]:
        """Return the places of all that a table names."""
        names = {*_counted(table)}
        if len(self._places) + len(names) > SLOTS:
            self._places = {name: at for name, at in self._places.items() if name in names}
        taken = {*self._places.values()}
        free = (at for at in range(SLOTS) if at not in taken)
        for name in names - self._places.keys():
            self._places[name] = next(free)
        return {name: self._places[name] for name in names}


def _counted(table: m.Table) -> Iterable[str]:
    yield from (f"key:{key.name}" for key in table.keys)
    yield from (f"model:{id}" for id in table.models)
