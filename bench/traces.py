"""Requests for models over time, drawn from a seed: Zipf, bursty and diurnal."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

GB = 10**9
SMALLEST, LARGEST = 1, 40  # GB of a model; sizes are spread evenly over the logarithm
SPEED = 2 * GB  # bytes a second of loading
# Seconds that an engine takes whatever it loads: llama.cpp's few, vLLM's graphs and kernels.
LIGHT, HEAVY, HEAVY_PART = 2.0, 45.0, 0.4  # the last: the part of models that need such an engine
GAP = 60.0  # mean seconds between two requests
SKEW = 1.0  # of Zipf's law
DAY = 86_400.0


class Sort(NamedTuple):
    """One model: its bytes, and the seconds to load it."""

    bytes: int
    seconds: float


Trace = list[tuple[float, int]]  # (second, model), in order
Kind = Callable[[Random, int, int], Trace]


def sorts(random: Random, count: int) -> list[Sort]:
    """Draw so many models."""
    sizes = [math.exp(random.uniform(math.log(SMALLEST), math.log(LARGEST))) for _ in range(count)]
    overheads = [HEAVY if random.random() < HEAVY_PART else LIGHT for _ in range(count)]
    return [
        Sort(int(size * GB), overhead + size * GB / SPEED)
        for size, overhead in zip(sizes, overheads, strict=True)
    ]


def zipf(random: Random, models: int, length: int) -> Trace:
    """Independent requests; the model of rank r is asked for 1/r as often as the first."""
    names, at, trace = shuffled(random, models), 0.0, Trace()
    for rank in random.choices(range(models), weights(models), k=length):
        at += random.expovariate(1 / GAP)
        trace.append((at, names[rank]))
    return trace


def bursty(random: Random, models: int, length: int) -> Trace:
    """Conversations of about eleven requests, each with one model, a few at the same time."""
    names, begins, trace = shuffled(random, models), 0.0, Trace()
    ranks = weights(models)
    while len(trace) < length:
        begins += random.expovariate(1 / (5 * GAP))
        model, at = names[random.choices(range(models), ranks)[0]], begins
        for _ in range(1 + int(random.expovariate(0.1))):
            trace.append((at, model))
            at += random.expovariate(1 / GAP)
    return sorted(trace)[:length]


def diurnal(random: Random, models: int, length: int) -> Trace:
    """Three shifts a day, each with favourites of its own."""
    shifts, at, trace = [shuffled(random, models) for _ in range(3)], 0.0, Trace()
    for rank in random.choices(range(models), weights(models), k=length):
        at += random.expovariate(1 / GAP)
        trace.append((at, shifts[int(at % DAY // (DAY / 3))][rank]))
    return trace


def weights(models: int) -> list[float]:
    """Zipf's law."""
    return [1 / rank**SKEW for rank in range(1, models + 1)]


def shuffled(random: Random, models: int) -> list[int]:
    """The models in any order."""
    names = list(range(models))
    random.shuffle(names)
    return names


KINDS: dict[str, Kind] = {"zipf": zipf, "bursty": bursty, "diurnal": diurnal}
