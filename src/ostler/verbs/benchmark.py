"""Send an OpenAI-compatible server many timed requests, with so many at once or at a given rate."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from ostler.core.benchmarking import Timing, arrivals
from ostler.errors import RequestFailed
from ostler.nouns import Task
from ostler.verbs.sending import Sender, Target

SEED = 20261121  # of the times at which requests come: two runs have the same

Report = Callable[[int, int], None]  # requests that have ended, of how many


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent. Without a rate each line sends its next request when the last has ended."""

    requests: int = 20
    concurrency: int | None = 1  # requests on their way at once; None: as many as come
    rate: float | None = None  # requests a second
    poisson: bool = False  # at random moments, as many callers' requests come; else evenly spaced
    prompt_tokens: int = 128
    output_tokens: int = 64
    warmup: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    timings: tuple[Timing, ...]
    notes: tuple[str, ...]
    busy: float  # seconds of a processor that the client itself took


async def run(target: Target, load: Load, report: Report = lambda done, of: None) -> Run:
    """Send the load and return how each request went. Raises RequestFailed where none can go."""
    sender = await prepared(target, load)
    for number in range(load.warmup):
        warm = await sender.send(-1 - number, time.perf_counter())
        if warm.error:
            raise RequestFailed(
                f"The first request failed, so none was measured: {warm.error}",
                hint="`ostler test MODEL` tries one alone.",
            )
    began, spent = time.perf_counter(), time.process_time()
    sender.began = began
    gather = _at_rate if load.rate else _in_lines
    timings = await gather(sender, load, report)
    return Run(tuple(timings), tuple(sender.notes), time.process_time() - spent)


async def _in_lines(sender: Sender, load: Load, report: Report) -> list[Timing]:
    """Keep `concurrency` requests on their way until all were sent."""
    numbers = iter(range(load.requests))
    timings: list[Timing] = []

    async def line() -> None:
        for number in numbers:
            timings.append(await sender.send(number, time.perf_counter()))
            report(len(timings), load.requests)

    lines = load.concurrency or load.requests
    await asyncio.gather(*(line() for _ in range(min(lines, load.requests))))
    return timings


async def _at_rate(sender: Sender, load: Load, report: Report) -> list[Timing]:
    """Send each request when it is due, however the earlier ones stand."""
    draws = iter(random.Random(SEED).random, None) if load.poisson else None  # noqa: S311
    due = arrivals(load.requests, load.rate or 1.0, draws)
    room = asyncio.Semaphore(load.concurrency or load.requests)
    timings: list[Timing] = []

    async def one(number: int, at: float) -> None:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        async with room:
            timings.append(await sender.send(number, at))
        report(len(timings), load.requests)

    began = sender.began
    await asyncio.gather(*(one(number, began + at) for number, at in enumerate(due)))
    return timings


async def prepared(target: Target, load: Load) -> Sender:
    """Find out what the server accepts, and how many words make the prompt that was asked for."""
    sender = Sender(target, load.output_tokens)
    if target.task is Task.CHAT:
        await sender.leave_out_what_is_refused()
    await sender.judge_length(load.prompt_tokens)
    return sender
