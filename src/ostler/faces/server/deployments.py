"""Models that are wished to run or do, as deployments with addresses of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import quote

from ostler.core import fleet as f
from ostler.core.fleet import REPLICA
from ostler.faces.api.schemas import Deployment, Loaded
from ostler.faces.server import describing
from ostler.faces.server.directory import Directory
from ostler.faces.server.hands import ServerHands
from ostler.verbs.keep import Keeper


def every(
    keeper: Keeper, hands: ServerHands, directory: Directory, running: Sequence[Loaded]
) -> list[Deployment]:
    """Return what is loaded, on its way, pinned or wished otherwise; `running` are its engines."""
    units: dict[str, list[Loaded]] = {}
    for one in running:
        units.setdefault(one.id.partition(REPLICA)[0], []).append(one)
    wished = set(keeper.fleet.wishes.rules) | set(keeper.fleet.wishes.preload)
    return [
        _one(model, units.get(model, []), keeper, hands)
        for model in directory.ids()
        if model in units or model in wished
    ]


def _one(model: str, units: list[Loaded], keeper: Keeper, hands: ServerHands) -> Deployment:
    reasons = [unit for unit in units if unit.why]
    now = time.monotonic()
    uses = [describing.last_used(unit, now) for unit in keeper.fleet.all_units(model)]
    return Deployment(
        model=model,
        state=f.state_of(keeper.fleet, model).value,
        path=f"/models/{quote(model)}/v1",
        pinned=keeper.fleet.rules(model).pinned,
        wish=hands.wish(model).model_dump(mode="json", exclude_defaults=True),
        units=units,
        last_used_seconds=min((one for one in uses if one is not None), default=None),
        why=reasons[0].why if reasons else None,
        code=reasons[0].code if reasons else None,
        hint=reasons[0].hint if reasons else None,
    )
