"""The last minutes of a server as four figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.faces.dashboard.parts import charts
from ostler.faces.dashboard.parts.words import count, duration, rate
from ostler.faces.dashboard.tree import Tag


def figures(pulse: Mapping[str, Any]) -> list[Tag]:
    """Return requests a second, errors, who waits and the time to the first token.

    `pulse` is what `/api/pulse` gives. Its newest slice is not over, so it is left out of rates.
    """
    slices, span = pulse["slices"][:-1], pulse["slice_seconds"]
    minutes = round(len(slices) * span / 60)
    return [
        _requests(slices, span, minutes),
        _errors(pulse["slices"], minutes),
        _waiting(slices, pulse["waiting"], minutes),
        _first(pulse["slices"], minutes),
    ]


def _requests(slices: Sequence[Mapping[str, Any]], span: float, minutes: int) -> Tag:
    rates = [one["requests"] / span for one in slices]
    last = rates[-6:]
    now = sum(last) / len(last)
    tokens = sum(one["completion_tokens"] for one in slices[-6:]) / (len(last) * span)
    words = f"Requests a second over {minutes} minutes: at most {rate(max(rates))}, now {rate(now)}"
    said = f"over the last minute; {rate(tokens)} tokens a second written"
    return charts.figure("Requests a second", rate(now), said, charts.sparkline(rates, words))


def _errors(slices: Sequence[Mapping[str, Any]], minutes: int) -> Tag:
    wrong = sum(one["errors"] for one in slices)
    every = sum(one["requests"] for one in slices)
    share = f"{100 * wrong / every:.1f} % of {count(every, 'request')}" if every else "no requests"
    said = f"{share} in {minutes} minutes"
    words = f"Errors over {minutes} minutes: {wrong}"
    line = charts.sparkline([one["errors"] for one in slices], words)
    return charts.figure("Errors", f"{wrong:,}", said, line, "bad-text" if wrong else "")


def _waiting(slices: Sequence[Mapping[str, Any]], waiting: Mapping[str, int], minutes: int) -> Tag:
    now = sum(waiting.values())
    most = max(one["waiting"] for one in slices)
    who = ", ".join(f"{number} for {model}" for model, number in waiting.items())
    said = who or f"at most {most:,} in {minutes} minutes"
    words = f"Requests that waited for a model over {minutes} minutes: at most {most}, now {now}"
    line = charts.sparkline([one["waiting"] for one in slices], words)
    return charts.figure("Waiting for a model", f"{now:,}", said, line)


def _first(slices: Sequence[Mapping[str, Any]], minutes: int) -> Tag:
    medians = [one["first_byte_median"] for one in slices]
    known = [(one["first_byte_median"], one["first_byte_p95"]) for one in slices
             if one["first_byte_median"] is not None]  # fmt: skip
    if not known:
        return charts.figure(
            "Time to first token", "none", f"no answer in {minutes} minutes",
            charts.sparkline(medians, "No answer yet"),
        )  # fmt: skip
    median, slow = known[-1]
    words = f"Time to first token over {minutes} minutes: last {span(median)}"
    said = f"median of the last 10 s with answers; 95 % within {span(slow)}"
    return charts.figure(
        "Time to first token", span(median), said, charts.sparkline(medians, words)
    )


def span(seconds: float) -> str:
    """Write a short time: `35 ms`, `1.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)
