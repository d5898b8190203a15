"""The last minutes of a server, in slices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway.messages import Done
from ostler.faces.server.pulse import SAMPLES, SLICE, SLICES, Pulse


def done(status: int = 200, ttft: float | None = 0.1, model: str = "a") -> Done:
    return Done(model, "b", status, 1.0, ttft, 1, 1, 3, 5)


TIMES = st.lists(st.floats(0, SLICE * (SLICES - 1)), max_size=60).map(sorted)


@given(TIMES)
def test_no_request_is_lost_within_the_time_that_is_kept(times: list[float]) -> None:
    pulse = Pulse()
    for at in times:
        pulse.served(done(status=500 if int(at) % 2 else 200), at)
    last = pulse.last(SLICES, SLICE * (SLICES - 1))
    assert len(last) == SLICES
    assert sum(one.requests for one in last) == len(times)
    assert sum(one.errors for one in last) == sum(int(at) % 2 for at in times)
    assert sum(one.completion_tokens for one in last) == 5 * len(times)


def test_what_is_older_is_forgotten_and_silence_is_shown() -> None:
    pulse = Pulse()
    pulse.served(done(), 5.0)
    assert [one.requests for one in pulse.last(3, 25.0)] == [1, 0, 0]
    assert [one.requests for one in pulse.last(3, 35.0)] == [0, 0, 0]
    for at in range(0, 3000, 10):
        pulse.served(done(), float(at))
    assert sum(one.requests for one in pulse.last(SLICES, 2999.0)) == SLICES


@given(st.lists(st.floats(0, 100), min_size=1, max_size=2000))
def test_times_to_the_first_byte_are_samples_and_never_too_many(times: list[float]) -> None:
    pulse = Pulse()
    for seconds in times:
        pulse.served(done(ttft=seconds), 1.0)
    [one] = pulse.last(1, 1.0)
    assert 0 < len(one.first) <= SAMPLES
    assert set(one.first) <= set(times)
    if len(times) < SAMPLES:
        assert one.first == times


def test_who_waits_is_the_most_at_one_moment() -> None:
    pulse = Pulse()
    for parked in ({"a": 1}, {"a": 2, "b": 3}, {}):
        pulse.waits(parked, 4.0)
    assert [one.waiting for one in pulse.last(2, 14.0)] == [5, 0]
