"""The fleet as the control API and the gateway show it: functions of what the keeper holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ostler.core import fleet as f
from ostler.core.affinity import LEAST_LOADED
from ostler.core.fleet.thrashing import what as thrashing
from ostler.core.naming import Named
from ostler.core.placed import why_there
from ostler.faces.api.schemas import DeviceState, Loaded, Model, PoolState
from ostler.faces.gateway import messages as m
from ostler.faces.server.catalogue import Catalogue
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.wishes import ModelWish
from ostler.nouns import Device
from ostler.verbs.keep import Fitting, Keeper

LOADING = f.COMING
RISES = (f.State.STOPPED, f.State.STOPPING)  # states from which a pin raises a unit
GATEWAY_STATE = {f.State.READY: "ready", f.State.FAILED: "failed"} | dict.fromkeys(
    LOADING, "loading"
)


def routed(
    keeper: Keeper,
    model: str,
    task: str,
    aliases: Sequence[str],
    concurrent: int | None,
    now: float,
    choice: str = LEAST_LOADED,
) -> m.Model:
    """Return a model as the gateway routes to it."""
    state = f.state_of(keeper.fleet, model)
    backends = [_backend(keeper, unit) for unit in f.routable(keeper.fleet, model)]
    return m.Model(
        state=GATEWAY_STATE.get(state, "stopped"),
        task=task,
        backends=tuple(one for one in backends if one),
        aliases=tuple(aliases),
        eta_seconds=eta(keeper, keeper.fleet.unit(model), now) if state in LOADING else None,
        concurrent=concurrent,
        choice=choice,
    )


def several(keeper: Keeper, task: str, members: Sequence[m.Member]) -> m.Model:
    """Return a name behind which several models stand, as the gateway routes to them."""
    state = best_state(keeper, [one.model for one in members])
    return m.Model(GATEWAY_STATE.get(state, "stopped"), task, members=tuple(members))


def best_state(keeper: Keeper, models: Sequence[str]) -> f.State:
    """Return the best state that one of these models is in."""
    states = [f.state_of(keeper.fleet, model) for model in models]
    return min(states, key=f.BEST_FIRST.index)


def route(keeper: Keeper, name: str, models: Sequence[str]) -> Model:
    """Return the entry of a name behind which several models stand."""
    state = best_state(keeper, models).value
    return Model(id=name, created=0, owned_by="ostler", state=state)


# These keep to a fixed context and refuse a longer prompt; others cut it off, or take it.
HAS_CONTEXT = frozenset({"llamacpp", "ampere", "vllm", "sglang"})
# These refuse to be asked for an answer longer than the context; llama.cpp ends it there.
BOUNDS_ANSWER = frozenset({"vllm", "sglang"})
# These take a choice of one tool for no choice; llama.cpp says so in its log alone.
KNOWS_NO_TOOL = frozenset({"llamacpp", "ampere"})
BLOCK = 256  # tokens; llama.cpp rounds a context up to whole ones


def backend_id(unit: str, pid: int) -> str:
    """Name one life of a unit's engine, so that late news of an earlier one is known as such."""
    return f"{unit}@{pid}"


def unit_of(backend: str) -> str:
    """Return the unit that a backend's name means."""
    return backend.rpartition("@")[0]


def living(keeper: Keeper, backend: str) -> str | None:
    """Return the backend's unit if it is that engine which runs, None for an earlier one."""
    unit = unit_of(backend)
    life = keeper.lives.get(unit)
    if life is None or life.process is None:
        return None
    return unit if backend == backend_id(unit, life.process.pid) else None


def _backend(keeper: Keeper, unit: f.Unit) -> m.Backend | None:
    life = keeper.lives.get(unit.id)
    if not life or not life.process:
        return None
    spec = life.process.spec
    context = life.fitting.context if life.fitting and spec.engine in HAS_CONTEXT else None
    return m.Backend(
        backend_id(unit.id, life.process.pid),
        spec.host,
        spec.port,
        spec.model_name,
        spec.adds_done,
        scores=spec.scores,
        context=None if context is None else -(-context // BLOCK) * BLOCK,
        bounds_answer=spec.engine in BOUNDS_ANSWER,
        names_tool=spec.engine not in KNOWS_NO_TOOL,
    )


def eta(keeper: Keeper, unit: f.Unit, now: float) -> float | None:
    """Return the seconds until a coming unit should be ready; None before its size is known."""
    life = keeper.lives.get(unit.id)
    if not life or not life.fitting or unit.state not in LOADING:
        return None
    gone = now - life.began if life.began is not None else 0.0
    return round(max(life.fitting.reload_seconds - gone, 1.0), 1)


def left(keeper: Keeper, model: str, now: float) -> float | None:
    """Return the seconds until the first of a coming model's replicas should be ready."""
    if f.state_of(keeper.fleet, model) not in LOADING:
        return None
    known = (eta(keeper, keeper.fleet.unit(id), now) for id in keeper.fleet.replicas(model))
    return min((seconds for seconds in known if seconds is not None), default=None)


def described(named: Named, catalogue: Catalogue, keeper: Keeper) -> Model:
    """Return an entry of `/v1/models`."""
    facts = catalogue.facts(named)
    return Model(
        id=named.id,
        created=catalogue.created(named),
        owned_by=named.manifest.name.split("/")[0],
        state=f.state_of(keeper.fleet, named.id).value,
        task=catalogue.task(named).value,
        aliases=list(named.aliases),
        size=facts.weight_bytes if facts else None,
        context_length=facts.context_length if facts else None,
    )


def promised(keeper: Keeper, name: str, aliases: Sequence[str]) -> Model:
    """Return the entry of a model that is fetched when it is first asked for."""
    state = f.state_of(keeper.fleet, name)
    shown = "registered" if state is f.State.STOPPED else state.value
    return Model(id=name, created=0, owned_by=name.split("/")[0], state=shown, aliases=[*aliases])


def loaded(keeper: Keeper, id: str, requests: Mapping[str, int], now: float) -> Loaded:
    """Return one unit with what is known of its engine."""
    unit, life = keeper.fleet.unit(id), keeper.lives.get(id)
    fitting = life.fitting if life else None
    process = life.process if life else None
    berth = keeper.fleet.berths.get(unit.berth)
    failure = unit.failure
    return Loaded(
        id=id,
        state=unit.state.value,
        busy=unit.busy,
        pinned=keeper.fleet.rules(unit.model).pinned,
        pool=berth.pool or None if berth else None,
        engine=fitting.engine if fitting else None,
        device=",".join(place.device for place in unit.places) or None,
        memory_bytes=unit.holds * max(len(unit.places), unit.spread) or None,
        context=fitting.context if fitting else None,
        pid=process.pid if process else None,
        port=process.spec.port if process else None,
        seconds=round(now - unit.since, 1),
        lease_seconds=None if unit.until is None else round(max(unit.until - now, 0.0), 1),
        start_seconds=life.ready_seconds if life else None,
        eta_seconds=eta(keeper, unit, now),
        requests=requests.get(id, 0),
        last_used_seconds=last_used(unit, now),
        why=unit.why or None,
        code=failure.code if failure else None,
        cause=failure.cause or None if failure else None,
        hint=f.hint(unit, failure) if failure else None,
        log=process.log_path if process else None,
        placed=_placed(unit, fitting, berth.pool if berth else ""),
    )


def last_used(unit: f.Unit, now: float) -> float | None:
    """Return the seconds since a unit's last request ended; None where none is known of."""
    if unit.busy:
        return 0.0
    return None if unit.used_at is None else round(max(now - unit.used_at, 0.0), 1)


def _placed(unit: f.Unit, fitting: Fitting | None, pool: str) -> str | None:
    if not (unit.places and fitting):
        return None
    places = [place.device for place in unit.places]
    return why_there(places, unit.devices, unit.needs, fitting.engine, pool)


def devices(hands: ServerHands, fleet: f.Fleet, seen: Sequence[Device] = ()) -> list[DeviceState]:
    """Return every device with its room; `seen` is what was found at the last look."""
    used = {one.id: one.total_bytes - one.free_bytes for one in seen}
    return [
        DeviceState(
            id=device.id,
            name=device.name,
            room_bytes=hands.room[device.id],
            held_bytes=fleet.held(device.id),
            total_bytes=device.total_bytes,
            used_bytes=used.get(device.id),
            load_bytes_per_second=_measured(hands, device.id),
        )
        for device in hands.machine.hardware.devices
    ]


def _measured(hands: ServerHands, device: str) -> float | None:
    speed = hands.speeds[device]
    return round(speed.bytes_per_second) if speed.loads else None


def pools(fleet: f.Fleet) -> list[PoolState]:
    """Return every pool's part of every device, with the models in it."""
    found = []
    for berth in fleet.berths.values():
        deck, here = fleet.deck(berth.device), f.Place(berth.device, berth.id)
        found.append(
            PoolState(
                pool=berth.pool,
                device=berth.device,
                room_bytes=berth.room,
                held_bytes=deck.berths.get(berth.id, (0, 0))[0],
                models=[
                    unit.id for unit in deck.units.values() if here in (*unit.places, unit.host)
                ],
            )
        )
    return found


def warnings(fleet: f.Fleet, flaws: Sequence[str], now: float) -> list[str]:
    """Return what the operator should know now."""
    return [*flaws, *([thrashing()] if f.thrashes(fleet, now) else [])]


def loading(fleet: f.Fleet) -> list[str]:
    """Return the preloaded models that are on their way, or whose turn has not come."""
    found = []
    for model in fleet.wishes.preload:
        units = [fleet.unit(id) for id in fleet.replicas(model)]
        if any(unit.state is f.State.READY for unit in units) or fleet.rules(model).closed:
            continue
        if any(u.state in f.COMING or (not u.dismissed and u.state in RISES) for u in units):
            found.append(model)
    return found


def unlike_wishes(keeper: Keeper, wish: Callable[[str], ModelWish]) -> list[str]:
    """Return which models run with another context than is wished since they were started."""
    found = []
    for id, life in keeper.lives.items():
        unit = keeper.fleet.unit(id)
        wished = wish(unit.model)
        had = life.fitting.context if life.fitting else None
        if unit.state is not f.State.READY or not (had and wished.context) or wished.less_context:
            continue
        if had != wished.context:
            found.append(
                f"{id} runs with a context of {had:,} tokens; {wished.context:,} are wished since"
                f" it was started. `ostler unload {unit.model}`: its next start has them."
            )
    return found


def unmet(fleet: f.Fleet) -> list[str]:
    """Return why wishes cannot be met: preloaded models that are not up, and why not."""
    units = [fleet.unit(id) for model in fleet.wishes.preload for id in fleet.replicas(model)]
    down = (f.State.STOPPED, f.State.FAILED)
    return [f"{unit.id}: {unit.why}" for unit in units if unit.state in down and unit.why]
