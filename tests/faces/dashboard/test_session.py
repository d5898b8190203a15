"""Sessions and tickets: secret, counted, and over in time."""

from __future__ import annotations

import itertools

from ostler.faces.dashboard.session import IDLE, MOST, TICKET, Sessions


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
