"""How others decide which model gives way, and how it would be done with the future known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from bench.traces import Sort, Trace

Value = Callable[[int, int], float]  # (model, index in the trace): the lowest goes first


def play(trace: Trace, sorts: list[Sort], room: int, value: Value, exact: bool = False) -> float:
    """Return the seconds of loading that a policy costs on one device.

    Who has the lowest value goes until there is room; with `exact` nobody goes needlessly.
    """
    held: set[int] = set()
    free, spent = room, 0.0
    for index, (_, model) in enumerate(trace):
        value(model, -index - 1)  # it is used
        if model in held:
            continue
        short = sorts[model].bytes - free
        if short > 0:
            going = lowest(held, short, sorts, partial(_at, value, index), exact)
            held -= set(going)
            free += sum(sorts[one].bytes for one in going)
        held.add(model)
        free -= sorts[model].bytes
        spent += sorts[model].seconds
    return spent


def _at(value: Value, index: int, model: int) -> float:
    return value(model, index)


def lowest(
    held: set[int], short: int, sorts: list[Sort], value: Callable[[int], float], exact: bool
) -> list[int]:
    """Who goes: the lowest values, until enough bytes are free."""
    going: list[int] = []
    freed = 0
    for one in sorted(held, key=lambda one: (value(one), one)):
        if freed >= short:
            break
        going.append(one)
        freed += sorts[one].bytes
    for one in reversed(going[:]):
        if exact and freed - sorts[one].bytes >= short:
            going.remove(one)
            freed -= sorts[one].bytes
    return going


def lru() -> Value:
    """Whoever was used longest ago, as LocalAI, and llama-swap without costs."""
    last: dict[int, int] = {}
    return remembering(last, lambda model, index: index, lambda model, index: last[model])


def lfu() -> Value:
    """Whoever was used least often since the beginning."""
    uses: dict[int, int] = {}
    return remembering(uses, lambda model, _: uses.get(model, 0) + 1, lambda model, _: uses[model])


def static(sorts: list[Sort]) -> Value:
    """llama-swap's `evict_costs`: a fixed cost for each model, here its seconds of loading."""
    return lambda model, index: sorts[model].seconds


def clairvoyant(trace: Trace, sorts: list[Sort], by_cost: bool) -> Value:
    """Whoever is asked for again last; or costs least for each byte and request until then."""
    coming, after = [math.inf] * len(trace), dict[int, int]()
    for index in range(len(trace) - 1, -1, -1):
        coming[index] = after.get(trace[index][1], math.inf)
        after[trace[index][1]] = index
    following: dict[int, float] = {}

    def value(model: int, index: int) -> float:
        if not by_cost:
            return -following[model]
        return sorts[model].seconds / (following[model] - index) / sorts[model].bytes

    return remembering(following, lambda model, index: coming[index], value)


def remembering(memory: dict[int, float] | dict[int, int], note: Value, value: Value) -> Value:
    """A policy that notes something at each use (told as index -n - 1) and values by it."""

    def decide(model: int, index: int) -> float:
        if index < 0:
            memory[model] = note(model, -index - 1)  # type: ignore[assignment]
            return 0.0
        return value(model, index)

    return decide


def others(trace: Trace, sorts: list[Sort], room: int) -> Mapping[str, float]:
    """Return the seconds of loading of every other policy.

    The optimum with sizes and costs is NP-hard; "clairvoyant" is the best of three rules that
    know the whole future, so the true optimum is at most that.
    """
    known = [
        play(trace, sorts, room, clairvoyant(trace, sorts, by_cost), exact)
        for by_cost, exact in ((False, False), (False, True), (True, True))
    ]
    return {
        "lru": play(trace, sorts, room, lru()),
        "lfu": play(trace, sorts, room, lfu()),
        "static": play(trace, sorts, room, static(sorts)),
        "clairvoyant": min(known),
    }
