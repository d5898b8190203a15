"""The worker's life: it serves from its first table until the keeper is gone."""

import signal
from collections.abc import Callable

import pytest
from tests.faces.gateway.conftest import EVENT, STREAM, Gateway, Puppet, chunk, ok, post

from ostler.faces.gateway.messages import Limits, Model, Table, encode

CALL = {"model": "m"}
END = [
    pytest.param(lambda own: own.keeper.close(), id="the keeper hangs up"),
    pytest.param(lambda own: own.process.send_signal(signal.SIGTERM), id="SIGTERM"),
]


def test_who_connects_before_the_first_table_is_served_after_it(
    own: Gateway, engine: Puppet
) -> None:
    caller = own.connect()
    caller.send(post(CALL))
    own.table({"m": Model("ready", backends=(engine.backend(),))})
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"1"))
    assert caller.message().status == 200


@pytest.mark.parametrize("end", END)
def test_running_answers_may_finish_and_nothing_new_begins(
    own: Gateway, engine: Puppet, end: Callable[[Gateway], None]
) -> None:
    models = {"m": Model("ready", backends=(engine.backend(),)), "slow": Model("loading")}
    own.table(models, limits=Limits(wait_seconds=60))
    idle, waits, streams = own.connect(), own.connect(), own.connect()
    streams.send(post(CALL))
    wire = engine.accept()
    wire.message()
    wire.send(STREAM + chunk(EVENT))
    streams.until(EVENT)
    waits.send(post({"model": "slow"}))
    own.table(models, limits=Limits(wait_seconds=60))
    end(own)
    answer = waits.message()
    assert (answer.status, answer.get(b"connection")) == (503, b"close")
    assert idle.to_the_end() == b""
    wire.send(chunk(EVENT) + b"0\r\n\r\n")
    assert streams.until(b"0\r\n\r\n").count(EVENT) == 1
    assert streams.is_gone()
    assert own.process.wait(2) == 0  # less than the grace for those who do not finish


@pytest.mark.parametrize("end", END)
def test_it_ends_before_any_table_too(own: Gateway, end: Callable[[Gateway], None]) -> None:
    end(own)
    assert own.process.wait(5) == 0


def test_ctrl_c_is_left_to_the_keeper(own: Gateway) -> None:
    own.table({})
    own.process.send_signal(signal.SIGINT)
    own.table({})
    assert own.ask(post(CALL)).status == 404


def test_a_table_may_come_in_any_pieces(own: Gateway) -> None:
    line = encode(Table("", {"one": Model("loading")}))
    for at in range(0, len(line), 7):
        own.keeper.sendall(line[at : at + 7])
    assert own.ask(post({"model": "one"}, b"Prefer: wait=0\r\n")).status == 503


def test_callers_that_get_nowhere_are_let_go_and_those_who_wait_for_us_are_not(
    own: Gateway, engine: Puppet
) -> None:
    models = {"m": Model("ready", backends=(engine.backend(),))}
    own.table(models, limits=Limits(quiet_seconds=0.2))
    silent, half, body, reads_not, waits = (own.connect() for _ in range(5))
    half.send(b"POST /v1/x HTTP/1.1\r\nHost:")
    body.send(post(CALL)[:-1])
    reads_not.send(post(CALL))
    wire = engine.accept()
    wire.message()
    waits.send(post(CALL))
    slow = engine.accept()
    slow.message()
    for caller in (silent, half, body):
        assert caller.is_gone()
    with pytest.raises(ConnectionError):
        wire.send(ok(b"x" * 100_000_000))
    slow.send(ok(b"late"))
    assert waits.message().body == b"late"


def test_an_engine_that_hangs_is_given_up(own: Gateway, engine: Puppet) -> None:
    models = {"m": Model("ready", backends=(engine.backend(),))}
    own.table(models, limits=Limits(quiet_seconds=0.4, engine_seconds=0.3))
    before, within = own.connect(), own.connect()
    before.send(post(CALL))
    engine.accept().message()
    within.send(post(CALL))
    wire = engine.accept()
    wire.message()
    wire.send(STREAM + chunk(EVENT))
    within.until(EVENT)
    answer = before.message()
    assert (answer.status, "said nothing" in answer.error["message"]) == (502, True)
    assert b"0\r\n\r\n" not in within.to_the_end()
