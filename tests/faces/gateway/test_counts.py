"""Counts that workers share, and the limits held against them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway.allowance import Allowances, Entered
from ostler.faces.gateway.counts import DAY_SECONDS, Counts, size
from ostler.faces.gateway.messages import Key, Model, Table
from ostler.faces.gateway.request import Refusal

NOON = 20_000 * DAY_SECONDS + DAY_SECONDS / 2  # the beginning of a minute
READY = Model("ready")


@pytest.fixture
def two() -> Iterator[tuple[Counts, Counts]]:
    fd = os.memfd_create("test")
    os.ftruncate(fd, size(2))
    yield Counts(fd, 0, 2), Counts(fd, 1, 2)
    os.close(fd)


def test_each_worker_sees_the_sum(two: tuple[Counts, Counts]) -> None:
    for worker in two:
        worker.enter(3)
        worker.ask(3, NOON)
        worker.spend(3, 10, NOON)
    for worker in two:
        assert (worker.at_once(3), worker.asked(3, NOON), worker.spent(3, NOON)) == (2, 2, 20)
    assert two[0].at_once(4) == 0
    two[0].leave(3)
    assert two[1].at_once(3) == 1


def test_a_dead_workers_requests_are_forgotten_and_its_tokens_are_not(
    two: tuple[Counts, Counts],
) -> None:
    for worker in two:
        worker.enter(3)
        worker.spend(3, 10, NOON)
    two[0].bury(1)
    assert (two[0].at_once(3), two[0].spent(3, NOON)) == (1, 20)


def test_what_was_asked_wears_off_within_two_minutes() -> None:
    counts = Counts()
    for _ in range(60):
        counts.ask(0, NOON)
    passed = [counts.asked(0, NOON + seconds) for seconds in (0, 59, 60, 90, 119, 120, 600)]
    assert passed == [60, 60, 60, 30, pytest.approx(1), 0, 0]
    counts.ask(0, NOON + 90)
    assert counts.asked(0, NOON + 90) == 31


def test_who_waits_is_counted_until_the_worker_dies(two: tuple[Counts, Counts]) -> None:
    one, other = two
    one.park(5)
    one.park(5)
    other.park(5)
    one.park(5, -1)
    assert one.parked(5) == other.parked(5) == 2
    other.bury(0)
    assert other.parked(5) == 1


def test_tokens_begin_anew_at_midnight() -> None:
    counts = Counts()
    counts.spend(0, 5, NOON)
    assert counts.spent(0, NOON + DAY_SECONDS / 2 - 1) == 5
    assert counts.spent(0, NOON + DAY_SECONDS / 2) == 0
    counts.spend(0, 7, NOON + DAY_SECONDS)
    assert counts.spent(0, NOON + DAY_SECONDS) == 7


def allowances(*keys: Key, **models: Model) -> Allowances:
    one = Allowances(Counts())
    one.take(Table("", models=models or {"m": READY}, keys=keys), NOON)
    return one


def refused(one: Allowances, key: Key, now: float = NOON, model: Model = READY) -> Refusal:
    found = one.admit(key, "m", model, now)
    assert isinstance(found, Refusal)
    return found


@given(st.integers(1, 50), st.integers(0, 30))
def test_exactly_so_many_requests_a_minute(most: int, more: int) -> None:
    key = Key("", "k", requests_per_minute=most)
    one = allowances(key)
    let_in = [one.admit(key, "m", READY, NOON) == () for _ in range(most + more)]
    assert let_in == [True] * most + [False] * more


def test_limits_refuse_with_a_time_to_wait() -> None:
    key = Key("", "k", concurrent=1, tokens_per_day=100, tokens_used=40)
    one = allowances(key)
    entered = one.admit(key, "m", READY, NOON)
    assert not isinstance(entered, Refusal)
    found = refused(one, key)
    assert (found.status, found.fault.code, found.retry_after) == (429, "too_many_at_once", 1)
    one.end(entered, key, 60)
    found = refused(one, key)
    assert (found.fault.code, found.retry_after) == ("tokens_used_up", DAY_SECONDS / 2)
    assert not isinstance(one.admit(key, "m", READY, NOON + DAY_SECONDS), Refusal)


def test_a_new_table_counts_no_token_twice_and_forgets_none() -> None:
    key = Key("", "k", tokens_per_day=100)
    one = allowances(key)
    one.end((), key, 60)
    one.take(Table("", keys=(Key("", "k", tokens_per_day=100, tokens_used=60),)), NOON)
    assert one.admit(key, "m", READY, NOON) == ()
    one.take(Table("", keys=(Key("", "k", tokens_per_day=100, tokens_used=100),)), NOON)
    assert refused(one, key).fault.code == "tokens_used_up"


def test_grants_are_globs_over_a_models_names() -> None:
    key = Key("", "k", models=("org/a*", "small"))
    one = allowances(key, m=READY)
    assert refused(one, key).status == 403
    assert one.admit(key, "m", Model("ready", aliases=("small",)), NOON) == ()
    assert one.admit(key, "org/abc", READY, NOON) == ()


def test_a_model_answers_so_many_at_once() -> None:
    model = Model("ready", concurrent=1)
    one = allowances(m=model)
    entered = one.admit(None, "m", model, NOON)
    assert not isinstance(entered, Refusal)
    assert isinstance(one.admit(None, "m", model, NOON), Refusal)
    one.end(entered, None, 0)
    assert not isinstance(one.admit(None, "m", model, NOON), Refusal)


acts = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["ask", "end", "settle"])))


@given(acts, st.integers(1, 300), st.integers(1, 30))
def test_workers_together_never_pass_a_limit(
    history: list[tuple[int, str]], a_minute: int, at_once: int
) -> None:
    fd = os.memfd_create("test")
    os.ftruncate(fd, size(3))
    key = Key("", "k", requests_per_minute=a_minute, concurrent=at_once)
    workers = [Allowances(Counts(fd, number, 3)) for number in range(3)]
    table = Table("", models={"m": READY}, keys=(key,), slots={"key:k": 0, "model:m": 1})
    for worker in workers:
        worker.take(table, NOON)
    served: list[list[Entered]] = [[], [], []]
    asked = 0
    for number, act in history:
        worker, mine = workers[number], served[number]
        if act == "ask":
            entered = worker.admit(key, "m", READY, NOON)
            if not isinstance(entered, Refusal):
                asked += 1
                mine.append(entered)
        elif act == "end" and mine:
            worker.end(mine.pop(), key, 1)
        else:
            worker.settle(NOON)
        assert sum(map(len, served)) <= at_once
        assert asked <= a_minute
    unended = sum(map(len, served))
    for worker, mine in zip(workers, served, strict=True):
        worker.settle(NOON)
        for entered in mine:
            worker.end(entered, key, 0)
        worker.settle(NOON)
    counts = Counts(fd, 0, 3)
    assert (counts.at_once(0), counts.asked(0, NOON)) == (0, asked)
    assert counts.spent(0, NOON) == asked - unended
    os.close(fd)


def test_what_others_do_not_use_is_there_again_when_they_settle() -> None:
    fd = os.memfd_create("test")
    os.ftruncate(fd, size(2))
    key = Key("", "k", concurrent=100)
    table = Table("", models={"m": READY}, keys=(key,), slots={"key:k": 0, "model:m": 1})
    one, other = (Allowances(Counts(fd, number, 2)) for number in range(2))
    one.take(table, NOON)
    other.take(table, NOON)
    assert not isinstance(one.admit(key, "m", READY, NOON), Refusal)
    let_in = 0
    while not isinstance(other.admit(key, "m", READY, NOON), Refusal):
        let_in += 1
    assert let_in < 99
    one.settle(NOON)
    while not isinstance(other.admit(key, "m", READY, NOON), Refusal):
        let_in += 1
    assert let_in == 99
    os.close(fd)


def test_a_limit_that_goes_and_comes_leaves_no_seat_taken() -> None:
    key = Key("", "k", concurrent=1)
    one = allowances(key)
    entered = one.admit(key, "m", READY, NOON)
    assert not isinstance(entered, Refusal)
    one.take(Table("", models={"m": READY}, keys=(Key("", "k"),)), NOON)
    one.end(entered, key, 0)
    one.settle(NOON)
    one.take(Table("", models={"m": READY}, keys=(key,)), NOON)
    assert not isinstance(one.admit(key, "m", READY, NOON), Refusal)
    assert isinstance(one.admit(key, "m", READY, NOON), Refusal)
