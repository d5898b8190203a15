"""Sessions and tickets: secret, counted, and over in time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

import pytest
from fastapi import FastAPI

from ostler.errors import AuthRequired, OstlerError
from ostler.faces.dashboard.asking import Asking, Caller
from ostler.faces.dashboard.session import IDLE, MOST, TICKET, Sessions
from ostler.faces.gateway.messages import Key


class Door:
    def keys(self) -> Mapping[str, Key]:
        return {}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_is_good_once_and_for_a_minute() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    ticket = sessions.ticket("key")
    assert sessions.redeem(ticket) == "key"
    assert sessions.redeem(ticket) is None
    late = sessions.ticket("key")
    clock.now += TICKET + 1
    assert sessions.redeem(late) is None
    assert sessions.redeem("made up") is None


def test_a_session_ends_when_nobody_used_it_for_long() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.begin("key")
    for _ in range(3):
        clock.now += IDLE - 1
        found = sessions.find(name)
        assert found
        assert found.key == "key"
    clock.now += IDLE + 1
    assert sessions.find(name) is None


def test_a_tab_that_is_looked_at_keeps_its_session() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.begin("key")
    session = sessions.find(name)
    assert session
    caller = Caller(Asking(FastAPI(), Door(), "http://h:1"), "key", session=session)
    for _ in range(3):
        clock.now += IDLE - 1
        with pytest.raises(OstlerError):  # there is no such path; it was asked for all the same
            asyncio.run(caller.get("/nothing"))
    assert sessions.find(name) is session
    sessions.end(name)
    with pytest.raises(AuthRequired):
        asyncio.run(caller.get("/nothing"))


def test_an_ended_session_is_unknown_and_a_ticket_opens_none() -> None:
    sessions = Sessions()
    name = sessions.begin("key")
    sessions.end(name)
    assert sessions.find(name) is None
    assert sessions.find(sessions.ticket("key")) is None


def test_neither_key_nor_name_is_in_what_is_printed() -> None:
    sessions = Sessions()
    name = sessions.begin("sk-secret")
    assert "sk-secret" not in repr(sessions)
    assert "sk-secret" not in repr(sessions.find(name))
    assert name not in repr(vars(sessions))


def test_there_are_never_more_than_so_many() -> None:
    sessions = Sessions()
    names = [sessions.begin(str(n)) for n in range(MOST + 10)]
    assert sum(sessions.find(name) is not None for name in names) == MOST
    tickets = list(itertools.islice((sessions.ticket("k") for _ in itertools.count()), MOST + 1))
    assert sessions.redeem(tickets[0]) is None
    assert sessions.redeem(tickets[-1]) == "k"
