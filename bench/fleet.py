"""Reload seconds of the fleet's eviction against others', and what one step costs.

The fleet is the real `step`, told of every request, load and end; the others are played by
`bench.policies` on the same requests. Loads take no time in either, so that only the choice counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from random import Random

from bench.policies import others
from bench.rows import Row, median
from bench.traces import GB, KINDS, SMALLEST, Sort, Trace, sorts
from ostler.core import fleet as f

MODELS = (10, 30, 100, 1000, 10_000)
PER_LRU, PER_OPTIMUM = 0.8, 1.5  # targets, on the sum of the mix
STEP = 50e-6  # seconds, at 100 running models
POLICY = f.Policy(residency=0.0, loads=10_000)


class Inn:
    """A fleet whose engines start and end at once."""

    def __init__(self, room: dict[str, int], sorts: list[Sort]) -> None:
        fleet = f.fleet_of(room)
        self.sorts, self.devices = sorts, tuple(room)
        self.fleet, _ = f.step(fleet, f.Wished(0.0, f.Wishes(policy=POLICY), fleet.berths))
        self.spent, self.times = 0.0, list[float]()

    def say(self, event: f.Event) -> tuple[f.Action, ...]:
        began = time.perf_counter()
        self.fleet, actions = f.step(self.fleet, event)
        self.times.append(time.perf_counter() - began)
        return actions

    def request(self, at: float, model: int) -> None:
        name = str(model)
        if self.fleet.unit(name).state is not f.State.READY:
            self.load(at, name, self.sorts[model])
        self.say(f.Busy(name, at))
        self.say(f.Idle(name, at))

    def load(self, at: float, name: str, sort: Sort) -> None:
        self.spent += sort.seconds
        self.say(f.Asked(name, at))
        actions = self.say(f.Sized(name, at, sort.bytes, self.devices, sort.seconds))
        for action in actions:
            if isinstance(action, f.Withdraw):
                self.say(f.Withdrawn(action.unit, at))
                self.say(f.Ended(action.unit, at))
        assert self.fleet.unit(name).state is f.State.STARTING, self.fleet.unit(name)
        self.say(f.Ready(name, at))


def rows(rounds: int) -> list[Row]:
    """Play the mix, then time the steps."""
    return [*mix(seeds=max(rounds // 8, 1)), *large(), *steps(rounds)]


def mix(seeds: int) -> Iterator[Row]:
    """Every kind of trace with every number of models, and the sums over all of them."""
    sums = dict.fromkeys(("ostler", "lru", "lfu", "static", "clairvoyant"), 0.0)
    for kind in KINDS:
        for models in MODELS:
            here = dict.fromkeys(sums, 0.0)
            for seed in range(seeds):
                for name, seconds in one(kind, models, seed).items():
                    here[name] += seconds
            sums = {name: sums[name] + here[name] for name in sums}
            measure = f"{kind}, {models} models, against lru"
            yield row(measure, here["ostler"], here["lru"])
            yield row(measure.replace("lru", "clairvoyant"), here["ostler"], here["clairvoyant"])
    yield row("the mix, against lru", sums["ostler"], sums["lru"], PER_LRU)
    yield row("the mix, against lfu", sums["ostler"], sums["lfu"])
    yield row("the mix, against llama-swap's static costs", sums["ostler"], sums["static"])
    yield row("the mix, against clairvoyant", sums["ostler"], sums["clairvoyant"], PER_OPTIMUM)


def one(kind: str, models: int, seed: int) -> dict[str, float]:
    """Play one trace with everybody; the room is for about 2 sqrt(models) models."""
    random = Random(f"{kind} {models} {seed}")
    known = sorts(random, models)
    trace: Trace = KINDS[kind](random, models, min(max(6_000, 10 * models), 12_000))
    largest = max(sort.bytes for sort in known)
    mean = sum(sort.bytes for sort in known) / models
    room = max(int(2 * math.sqrt(models) * mean * 0.8), largest)
    inn = Inn({"gpu": room}, known)
    for at, model in trace:
        inn.request(at, model)
    return {"ostler": inn.spent, **others(trace, known, room)}


def row(measure: str, ours: float, theirs: float, at_most: float | None = None) -> Row:
    """A ratio of reload seconds."""
    ratio = ours / theirs
    target = f"ratio <= {at_most:g}" if at_most else ""
    ok = ratio <= at_most if at_most else None
    return Row(measure, round(ours), "s", round(theirs), round(ratio, 3), target, ok)


def large() -> Iterator[Row]:
    """10,000 models on 1,000 devices: that it works, and what a step costs there."""
    random = Random(1)
    known = sorts(random, 10_000)
    inn = Inn({f"gpu:{n}": 80 * GB for n in range(1000)}, known)
    for at, model in KINDS["zipf"](random, 10_000, 6_000):
        inn.request(at, model)
    running = sum(unit.state is f.State.READY for unit in inn.fleet.units.values())
    inn.times.sort()
    measure = f"a step at {running} running models on 1,000 devices"
    yield Row(f"{measure}, median", round(median(inn.times) * 1e6, 1), "us")
    yield Row(f"{measure}, longest", round(inn.times[-1] * 1e6, 1), "us")


def steps(rounds: int) -> Iterator[Row]:
    """What one step costs on one device that is full, by kind of step."""
    found = {running: timed(running, max(rounds, 60)) for running in (100, 1000)}
    for kind, seconds in found[100].items():
        target, ok = f"<= {STEP * 1e6:g} us", seconds <= STEP
        growth = found[1000][kind] / seconds
        yield Row(
            f"{kind} at 100 running models", round(seconds * 1e6, 1), "us", target=target, ok=ok
        )
        yield Row(
            f"{kind} at 1,000 running models", round(found[1000][kind] * 1e6, 1), "us",
            round(seconds * 1e6, 1), round(growth, 1), "ratio <= 12 (10 times as many)",
            growth <= 12,
        )  # fmt: skip


def timed(running: int, rounds: int) -> dict[str, float]:
    """Seconds of steps with so many models on one device: the fastest quarter of each kind.

    The slower ones measure what else the machine did.
    """
    size = Sort(SMALLEST * GB, 1.0)
    inn = Inn({"gpu": running * GB}, [size] * (running + rounds + 1))
    for model in range(running):
        inn.request(float(model), model)
    kinds: dict[str, list[float]] = {}
    at = 10.0 * running
    for extra in range(running, running + rounds):
        inn.times.clear()
        inn.request(at, extra)
        names = ("asked", "eviction", "withdrawn", "ended", "ready", "busy", "idle")
        for name, seconds in zip(names, inn.times, strict=True):
            kinds.setdefault(name, []).append(seconds)
        inn.times.clear()
        inn.say(f.Tick(at))
        kinds.setdefault("tick", []).append(inn.times[0])
        at += 1.0
    each = {name: sorted(samples)[len(samples) // 4] for name, samples in kinds.items()}
    return each | {"a step (mean of these kinds)": sum(each.values()) / len(each)}
