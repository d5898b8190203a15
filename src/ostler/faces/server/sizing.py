"""What models need here, read once: until a start has shown that they take something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from ostler.core.fleet.loading import Speed
from ostler.core.naming import Named
from ostler.core.sleeping import nap
from ostler.faces.server.wishes import ModelWish
from ostler.nouns import Measurement, Workload
from ostler.records.moment import now
from ostler.store import Store
from ostler.verbs.hold import HOST
from ostler.verbs.keep import Fitting
from ostler.verbs.prepare import Machine, Prepared
from ostler.verbs.ranks import devices, prepare_ranks

Known = Callable[[str, str | None, str], Sequence[Measurement]]
SAME_PERCENT = 1  # two starts of one model differ by less


class Sizing:
    """Prepared models, and what was measured since they were prepared."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ready: dict[Hashable, Prepared] = {}
        self._fresh: dict[Measurement, Measurement] = {}  # each by itself without time and bytes

    async def prepared(
        self, named: Named, machine: Machine, load: Workload, wish: ModelWish
    ) -> Prepared:
        """Prepare a model; files at one commit say the same every time. Raises OstlerError."""
        machine.permit(named.manifest)
        which = named, load, wish.engine, wish.tensor_parallel, tuple(machine.installed.values())
        if which not in self._ready:
            ready = await asyncio.to_thread(
                prepare_ranks, named, self._store, machine, load, wish.engine, wish.tensor_parallel
            )
            self._ready[which] = ready
        return self._ready[which]

    def with_fresh(self, known: Known) -> Known:
        """Return what is known, with what was measured just now and is not written down yet."""

        def both(model: str, family: str | None, engine: str) -> Sequence[Measurement]:
            fresh = [
                one
                for one in tuple(self._fresh.values())
                if one.engine == engine and (one.model == model or one.family == family)
            ]
            return (*fresh, *known(model, family, engine))

        return both

    def learned(self, measured: Sequence[Measurement]) -> None:
        """Take measurements; what they change is prepared anew the next time."""
        for one in measured:
            what = replace(one, bytes=0, at="")
            before = self._fresh.get(what)
            if before is not None and abs(before.bytes - one.bytes) * 100 <= (
                SAME_PERCENT * before.bytes
            ):
                continue
            self._fresh[what] = replace(one, at=one.at or now())
            self._ready = {
                which: ready for which, ready in self._ready.items() if not _about(one, ready)
            }


def _about(one: Measurement, ready: Prepared) -> bool:
    facts = ready.served.facts
    kin = one.family is not None and one.family == (facts.family or facts.architecture)
    return ready.choice.engine == one.engine and (kin or ready.served.id.startswith(one.model))


def fitting(
    ready: Prepared, machine: Machine, speeds: Mapping[str, Speed], wakes: float
) -> Fitting:
    """Return what the fleet is told of a prepared model; `wakes` is in bytes a second."""
    usable = devices(ready, machine, ready.ranks)
    size = ready.served.facts.weight_bytes // ready.ranks
    sleeps = ready.launch(HOST, 1).sleep_mode is not None
    return Fitting(
        ready.choice.engine,
        ready.estimate.required,
        ready.estimate.context,
        usable,
        speeds[usable[0]].expected(size),
        ready,
        ready.ranks,
        nap(ready.estimate, ready.ranks, wakes) if sleeps else None,
    )
