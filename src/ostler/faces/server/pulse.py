"""The last minutes of a server, in slices: requests, errors, first bytes, tokens, who waits."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from ostler.faces.gateway.messages import Done

SLICE = 10.0  # seconds
SLICES = 90  # that are kept: a quarter of an hour
SAMPLES = 256  # first bytes that one slice remembers, spread evenly over it where there are more


@dataclass(slots=True)
class Slice:
    """Ten seconds of a server."""

    number: int  # of slices since the clock's zero
    requests: int = 0
    errors: int = 0  # answers of 400 and above
    prompt_tokens: int = 0
    completion_tokens: int = 0
    waiting: int = 0  # the most requests that waited for a model at one moment
    models: Counter[str] = field(default_factory=Counter)  # requests by model
    first: list[float] = field(default_factory=list)  # seconds to an answer's first byte
    every: int = 1  # how many of them one sample stands for
    skipped: int = 0

    def sample(self, seconds: float) -> None:
        """Remember a time to the first byte; where there are too many, every second, fourth..."""
        self.skipped += 1
        if self.skipped < self.every:
            return
        self.skipped = 0
        self.first.append(seconds)
        if len(self.first) == SAMPLES:
            del self.first[::2]
            self.every *= 2


class Pulse:
    """What was served lately. `at` is in seconds of a clock that only goes on."""

    def __init__(self) -> None:
        self._slices: deque[Slice] = deque(maxlen=SLICES)

    def served(self, done: Done, at: float) -> None:
        """Count a request that has ended."""
        one = self._now(at)
        one.requests += 1
        one.errors += done.status >= 400
        one.prompt_tokens += done.prompt_tokens or 0
        one.completion_tokens += done.completion_tokens or 0
        one.models[done.model] += 1
        if done.ttft is not None:
            one.sample(done.ttft)

    def waits(self, parked: Mapping[str, int], at: float) -> None:
        """Take how many requests wait for each model at this moment."""
        count = sum(parked.values())
        if count:
            one = self._now(at)
            one.waiting = max(one.waiting, count)

    def last(self, count: int, at: float) -> list[Slice]:
        """Return the last slices, oldest first; the newest is the one that is on."""
        number = int(at // SLICE)
        kept = {one.number: one for one in self._slices}
        return [kept.get(n) or Slice(n) for n in range(number - count + 1, number + 1)]

    def _now(self, at: float) -> Slice:
        number = int(at // SLICE)
        if not self._slices or self._slices[-1].number < number:
            self._slices.append(Slice(number))
        return self._slices[-1]
