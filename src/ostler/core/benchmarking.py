"""What a run of timed requests says: when each was due, how they went, percentiles, throughput.

A request's latency counts from the moment it was due, not from the moment it was sent: when a
server stalls, the requests that had to wait behind it are late too (Tene's "coordinated omission").
Without a rate a request is due when the one before it on its line has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

PERCENTS = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Timing:
    """How one request went. Seconds since the run began; `None`: it did not come to that."""

    due: float
    sent: float
    first: float | None = None  # the first token, or the whole answer where nothing is streamed
    end: float | None = None  # the last of it, or when it failed; None: it has not ended
    gaps: tuple[float, ...] = ()  # between two pieces of the answer
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.end is not None and not self.error


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds: the mean, the percentiles of PERCENTS, the least and the most."""

    count: int
    mean: float
    least: float
    most: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Result:
    """What a run says. Rates are per second of the whole run, failed requests' time included."""

    requests: int
    failed: int
    errors: tuple[tuple[str, int], ...]  # each kind, and how often, most frequent first
    seconds: float
    requests_per_second: float
    prompt_tokens: int | None  # None: the server does not say
    output_tokens: int | None
    output_tokens_per_second: float | None
    tokens_per_second: float | None  # prompt and output together
    latency: Spread | None  # from due to the last token; None: nothing succeeded
    first_token: Spread | None
    between_tokens: Spread | None  # the gaps between pieces that came
    per_token: Spread | None  # of each request: from its first token to its last, over the rest
    waited: Spread | None  # between due and sent: how far behind the schedule we were ourselves


def arrivals(count: int, rate: float, draws: Iterable[float] | None = None) -> list[float]:
    """Return when each of `count` requests is due, at `rate` a second.

    Evenly spaced; with `draws`, numbers evenly spread over [0, 1), as a Poisson process has them.
    """
    if draws is None:
        return [number / rate for number in range(count)]
    due, now = [], 0.0
    for _, draw in zip(range(count), draws, strict=False):
        due.append(now)
        now += -log(1.0 - draw) / rate
    return due


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of an ordered list lie, between two by their share.

    The "linear" way of NumPy: position (n - 1) x percent / 100.
    """
    if not ordered:
        raise ValueError("no values")
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    return min(low + (high - low) * (place - below), high)


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of these values; None where there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    least, most = ordered[0], ordered[-1]
    mean = min(max(sum(ordered) / len(ordered), least), most)  # rounding may not lead outside
    p50, p90, p95, p99 = (percentile(ordered, percent) for percent in PERCENTS)
    return Spread(len(ordered), mean, least, most, p50, p90, p95, p99)


def result(timings: Sequence[Timing]) -> Result:
    """Return what the requests of one run say together; those of a warm-up are not among them."""
    good = [one for one in timings if one.ok]
    began = min((one.due for one in timings), default=0.0)
    over = max((one.sent if one.end is None else one.end for one in timings), default=0.0)
    seconds = max(over - began, 0.0)
    prompt, output = (
        _total(one.prompt_tokens for one in good),
        _total(one.output_tokens for one in good),
    )
    together = None if prompt is None or output is None else prompt + output
    return Result(
        requests=len(timings),
        failed=len(timings) - len(good),
        errors=_counted(one.error for one in timings if not one.ok),
        seconds=seconds,
        requests_per_second=len(good) / seconds if seconds else 0.0,
        prompt_tokens=prompt,
        output_tokens=output,
        output_tokens_per_second=_rate(output, seconds),
        tokens_per_second=_rate(together, seconds),
        latency=spread(one.end - one.due for one in good if one.end is not None),
        first_token=spread(one.first - one.due for one in good if one.first is not None),
        between_tokens=spread(gap for one in good for gap in one.gaps),
        per_token=spread(_per_token(good)),
        waited=spread(one.sent - one.due for one in timings),
    )


def _per_token(good: Iterable[Timing]) -> Iterable[float]:
    for one in good:
        if one.first is not None and one.end is not None and (one.output_tokens or 0) > 1:
            yield (one.end - one.first) / ((one.output_tokens or 0) - 1)


def _total(counts: Iterable[int | None]) -> int | None:
    """Add up; None where one of them is not known, or there are none."""
    known = list(counts)
    return None if not known or None in known else sum(count for count in known if count)


def _rate(count: int | None, seconds: float) -> float | None:
    return None if count is None or not seconds else count / seconds


def _counted(errors: Iterable[str]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for error in errors:
        found[error or "no answer"] = found.get(error or "no answer", 0) + 1
    return tuple(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
