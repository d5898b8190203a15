"""Several backends for a request: by the prompt's head, by length; the next where one is busy."""

from __future__ import annotations

from typing import Any

import pytest
from tests.faces.gateway.conftest import Gateway, Heard, Puppet, key, ok, post, soon

from ostler.faces.gateway.messages import Backend, Broken, Done, Key, Member, Model
from ostler.faces.gateway.prompts import PROMPT_BYTES, answer_of, head_of

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull"
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong"


def talk(*turns: str) -> dict[str, Any]:
    roles = ("system", "user", "assistant")
    said = [
        {"role": roles[min(n, 1) if n < 2 else 1 + (n % 2 == 0)], "content": text}
        for n, text in enumerate(turns)
    ]
    return {"messages": said, "model": "m"}


def answered(gateway: Gateway, body: dict[str, Any], *engines: Puppet) -> tuple[str, Heard]:
    """Ask, let whichever engine hears it answer, and say which it was."""
    caller = gateway.connect()
    caller.send(post(body))
    heard: list[str] = []

    def somebody_heard() -> bool:
        for engine in engines:
            engine.listening.settimeout(0.01)
            try:
                wire = engine.accept()
            except TimeoutError:
                continue
            wire.message()
            wire.send(ok(b"{}", b"Connection: close\r\n"))
            wire.close()
            heard.append(engine.name)
        return bool(heard)

    assert soon(somebody_heard)
    return heard[0], caller.message()


def test_a_conversation_stays_with_the_replica_that_read_its_beginning(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    backends = (engine.backend(), second.backend())
    gateway.table({"m": Model("ready", backends=backends, choice="prefix")})
    homes = set()
    for topic in map(str, range(8)):
        home, _ = answered(gateway, talk("Be brief.", topic), engine, second)
        later, _ = answered(gateway, talk("Be brief.", topic, "yes", "and?"), engine, second)
        assert later == home
        homes.add(home)
    assert homes == {engine.name, second.name}, "different conversations are spread"


@pytest.mark.parametrize("status", [b"503 Service Unavailable", b"429 Too Many Requests"])
def test_a_busy_engines_request_goes_to_another_once(
    gateway: Gateway, engine: Puppet, second: Puppet, status: bytes
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(), second.backend()))})
    busy = b"HTTP/1.1 %b\r\nContent-Length: 4\r\n\r\nfull" % status
    caller = gateway.connect()
    caller.send(post({"model": "m"}))
    wire = engine.accept()
    wire.message()
    wire.send(busy)
    other = second.accept()
    assert other.message().body == b'{"model":"m"}'
    other.send(ok(b"served"))
    assert caller.message().body == b"served"
    assert gateway.hear_a(Done, backend=second.name).status == 200
    caller.send(post({"model": "m"}))  # the first one is asked again; now both are busy
    again = engine.accept()
    again.message()
    again.send(busy)
    other.message()
    other.send(busy)
    assert caller.message().body == b"full", "the last word is passed on"


def test_an_error_of_the_callers_own_is_passed_on(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(), second.backend()))})
    caller = gateway.connect()
    caller.send(post({"model": "m"}))
    wire = engine.accept()
    wire.message()
    wire.send(BAD)
    assert caller.message().status == 400
    assert second.wires == []


def several(engine: Puppet, second: Puppet, **short: Any) -> dict[str, Model]:
    return {
        "short": Model("ready", backends=(engine.backend(),), **short),
        "long": Model("ready", backends=(second.backend(),)),
        "m": Model("ready", members=(Member("short", 4096), Member("long"))),
    }


def test_short_requests_go_one_way_and_long_ones_another(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    gateway.table(several(engine, second))
    home, _ = answered(gateway, {"model": "m", "prompt": "x" * 400}, engine, second)
    assert home == engine.name
    assert gateway.hear_a(Done, backend=engine.name).model == "short"
    home, _ = answered(gateway, {"model": "m", "prompt": "x" * 20_000}, engine, second)
    assert home == second.name
    said = {"model": "m", "prompt": "x", "max_tokens": 5000}
    assert answered(gateway, said, engine, second)[0] == second.name


def test_where_one_model_is_full_the_next_behind_the_name_answers(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    gateway.table(several(engine, second, concurrent=1))
    first = gateway.connect()
    first.send(post({"model": "m"}))
    held = engine.accept()
    held.message()
    home, answer = answered(gateway, {"model": "m"}, second)
    assert (home, answer.status) == (second.name, 200)
    held.send(ok(b"{}"))
    assert first.message().status == 200
    first.send(post({"model": "m"}))
    held.message()  # its place is free again
    held.send(BUSY)
    wire = second.accept()
    wire.message()
    wire.send(ok(b"{}"))
    assert first.message().status == 200, "an engine that says it is busy counts as full too"
    first.send(post({"model": "m"}))
    engine.accept().message()
    gateway.hang_up()


def test_a_grant_for_the_name_is_one_for_what_stands_behind_it(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    friend = Key(key("right").sha256, "a friend", models=("m",))
    auth = b"Authorization: Bearer right\r\n"
    gateway.table(several(engine, second), secret=auth, keys=(friend,))
    assert gateway.ask(post({"model": "short"}, auth)).status == 403
    caller = gateway.connect()
    caller.send(post({"model": "m"}, auth))
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"{}"))
    assert caller.message().status == 200


def test_a_dead_backend_is_left_for_another_behind_the_name(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    models = several(engine, second)
    gone = Backend("gone", "127.0.0.1", 1)
    models["short"] = Model("ready", backends=(gone,))
    gateway.table(models)
    home, answer = answered(gateway, {"model": "m"}, second)
    assert (home, answer.status) == (second.name, 200)
    assert gateway.hear_a(Broken, backend="gone")


def test_heads() -> None:
    first = post(talk("Be brief.", "Hello")).partition(b"\r\n\r\n")[2]
    later = post(talk("Be brief.", "Hello", "Hi", "And?")).partition(b"\r\n\r\n")[2]
    other = post(talk("Be brief.", "Hullo")).partition(b"\r\n\r\n")[2]
    assert head_of(first) == head_of(later) != head_of(other)
    longer = b'{"prompt":"%b"}' % (b"x" * PROMPT_BYTES)
    assert head_of(longer) == head_of(longer[:-2] + b'yy"}') != b""
    assert head_of(b'{"input":[{"role":"user","content":"a"},{"role":"user"}]}') == head_of(
        b'{"input":[{"role":"user","content":"a"}]}'
    )
    for nothing in (b"", b"{", b'{"messages":3}', b'{"messages":[]}', b"\xff", b'{"model":"m"}'):
        assert isinstance(head_of(nothing), bytes)


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (b"{}", None),
        (b'{"max_tokens":7}', 7),
        (b'{"max_completion_tokens":9,"max_tokens":7}', 9),
        (b'{"max_output_tokens":5}', 5),
        (b'{"max_tokens":"many"}', None),
        (b'{"max_tokens":-1}', None),
    ],
)
def test_the_longest_answer(body: bytes, most: int | None) -> None:
    assert answer_of(body) == most
