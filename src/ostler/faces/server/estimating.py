"""What a deployment would need here, whether or not it fits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ostler import wiring
from ostler.core.naming import Named
from ostler.core.placing import room
from ostler.faces.api.schemas import Estimated
from ostler.faces.server.hands import ServerHands
from ostler.nouns import Workload
from ostler.verbs.fit import fit
from ostler.verbs.inspect import kept_facts
from ostler.verbs.prepare import choose_engine, known

GB = 10**9


async def estimated(named: Named, hands: ServerHands, asked: Mapping[str, Any]) -> Estimated:
    """Estimate a model as asked; what is None is as the server would do it.

    Raises EngineUnsupported, CorruptFile, UsageError.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    engine = given.pop("engine", hands.wish(named.id).engine)
    load = replace(hands.load(hands.wish(named.id)), **given)
    return await asyncio.to_thread(_estimated, named, hands, load, engine)


def _estimated(named: Named, hands: ServerHands, load: Workload, wanted: str | None) -> Estimated:
    machine = hands.machine
    facts = kept_facts(wiring.store(hands.settings), named.manifest, named.variant)
    choice = choose_engine(facts, machine, wanted)
    found = fit(
        facts, load, choice.engine, machine.hardware,
        kinds=choice.kinds, version=choice.installed.version, model=named.manifest.name,
        measured=known(named, facts, choice, machine),
    )  # fmt: skip
    estimate, best = found.estimate, found.placements[0]
    rooms = {one.device.id: room(one.device) for one in found.placements}
    highest = max(rooms, key=rooms.__getitem__)
    terms = (*estimate.terms, estimate.margin)
    return Estimated(
        model=named.id,
        engine=choice.engine,
        context=estimate.context,
        sequences=estimate.sequences,
        estimate_bytes=estimate.required,
        estimate_gb=round(estimate.required / GB, 3),
        parts={term.name: term.bytes for term in terms},
        highest_device=highest,
        highest_device_bytes=rooms[highest],
        highest_node_gb=round(rooms[highest] / GB, 3),
        fits=best.fits,
        because=best.because,
    )
