"""What web pages may have a browser ask: DNS rebinding, foreign pages, cross-origin sharing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.gateway.conftest import EVENT, STREAM, Gateway, Puppet, chunk, key, ok, post

from ostler.errors import UsageError
from ostler.faces.gateway.browsers import is_ours
from ostler.faces.gateway.messages import Limits, Model
from ostler.faces.server.entrance import hosts, origins

CALL = {"model": "m"}
PAGE = b"Origin: https://chat.example\r\n"
SECRET = b"Authorization: Bearer s\r\n"
QUESTION = (
    b"OPTIONS %b HTTP/1.1\r\nHost: localhost\r\nOrigin: %b\r\n"
    b"Access-Control-Request-Method: POST\r\n"
    b"Access-Control-Request-Headers: authorization,content-type\r\n\r\n"
)


def guarded(gateway: Gateway, engine: Puppet, *origins: str, keys: bool = False) -> None:
    gateway.table(
        {"m": Model("ready", backends=(engine.backend(),))},
        secret=SECRET if keys else b"",
        keys=(key("s"),) if keys else (),
        limits=Limits(hosts=("h", "10.0.0.7"), origins=origins),
    )


def get(target: bytes, headers: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        (b"localhost", True), (b"LocalHost:8077", True), (b"127.0.0.1", True),
        (b"127.9.9.9:1", True), (b"[::1]", True), (b"[::1]:8077", True), (b"::1", True),
        (b"a.localhost:80", True), (b"localhost.", True), (b"h", True), (b"H:99", True),
        (b"10.0.0.7:8077", True), (b"evil.example", False), (b"localhost.evil.example", False),
        (b"127.0.0.1.evil.example", False), (b"10.0.0.8", False), (b"", False), (b"[", False),
        (b"192.168.0.1:8077", False), (b"0.0.0.0", False), (b"xlocalhost", False),
    ],
)  # fmt: skip
def test_which_names_are_ours(host: bytes, ours: bool) -> None:
    assert is_ours(host, ("h", "10.0.0.7")) is ours


@given(st.binary(max_size=40))
def test_any_bytes_are_ours_or_not(host: bytes) -> None:
    assert is_ours(host, ()) in (True, False)


@pytest.mark.parametrize("target", [b"/v1/models", b"/health", b"/", b"/api/server"])
def test_a_name_made_to_lead_here_gets_nothing(
    gateway: Gateway, engine: Puppet, target: bytes
) -> None:
    guarded(gateway, engine)
    answer = gateway.ask(get(target, b"Host: rebound.example\r\n"))
    assert (answer.status, answer.error["code"]) == (403, "host_not_allowed")
    assert "rebound.example" in answer.error["message"]
    assert "--allow-host" in answer.error["hint"]
    answer = gateway.ask(post(CALL).replace(b"Host: h", b"Host: rebound.example"))
    assert answer.error["code"] == "host_not_allowed"


def test_who_shows_a_key_may_use_any_name_and_page(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine, keys=True)
    caller = gateway.connect()
    caller.send(post(CALL, SECRET + PAGE).replace(b"Host: h", b"Host: models.example"))
    wire = engine.accept()
    assert wire.message().get(b"origin") is None
    wire.send(ok(b"1"))
    answer = caller.message()
    assert (answer.status, answer.get(b"access-control-allow-origin")) == (200, None)


def test_a_foreign_page_may_ask_nothing_without_a_key(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    for origin in (b"https://chat.example", b"null", b"http://localhost:3000", b"\xff"):
        answer = gateway.ask(post(CALL, b"Origin: " + origin + b"\r\n"))
        assert (answer.status, answer.error["code"]) == (403, "foreign_origin")
        assert answer.get(b"access-control-allow-origin") is None
        answer = gateway.ask(QUESTION % (b"/v1/chat/completions", origin))
        assert (answer.status, answer.error["code"]) == (403, "foreign_origin")


def test_a_page_of_our_own_may_ask(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller = gateway.connect()
    caller.send(post(CALL, b"Origin: http://h\r\n"))
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"1"))
    assert caller.message().status == 200


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("allowed", ["https://chat.example", "*"])
def test_an_allowed_page_asks_first_and_reads_every_answer(
    gateway: Gateway, engine: Puppet, allowed: str, keys: bool
) -> None:
    guarded(gateway, engine, allowed, keys=keys)
    caller = gateway.connect()
    for target in (b"/v1/chat/completions", b"/models/m/v1/embeddings", b"/api/server"):
        caller.send(QUESTION % (target, b"https://chat.example"))
        answer = caller.message(bodiless=True)
        assert answer.status == 204
        assert answer.get(b"access-control-allow-origin") == b"https://chat.example"
        assert answer.get(b"access-control-allow-headers") == b"authorization,content-type"
        assert b"POST" in (answer.get(b"access-control-allow-methods") or b"")
    secret = SECRET if keys else b""
    engines = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
    for _ in range(2):  # the second goes by heads that are known
        caller.send(post(CALL, PAGE + secret))
        wire = engine.wires[0] if engine.wires else engine.accept()
        wire.message()
        wire.send(ok(b"1", engines))
        answer = caller.message()
        assert answer.get(b"access-control-allow-origin") == b"https://chat.example"
        assert answer.get(b"access-control-allow-credentials") is None
        assert answer.get(b"vary") == b"origin"
    caller.send(post({"model": "m", "stream": True}, PAGE + secret))
    wire.message()
    wire.send(STREAM + chunk(EVENT) + b"0\r\n\r\n")
    assert caller.message().get(b"access-control-allow-origin") == b"https://chat.example"
    caller.send(post({"model": "nobody"}, PAGE + secret))
    refused = caller.message()
    assert (refused.status, refused.get(b"vary")) == (404, b"origin")
    if keys:  # a page can read why it is refused
        caller.send(post(CALL, PAGE))
        refused = caller.message()
        assert (refused.status, refused.get(b"vary")) == (401, b"origin")


def test_engines_do_not_say_which_pages_may_read(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller = gateway.connect()
    for _ in range(2):
        caller.send(post(CALL))
        wire = engine.wires[0] if engine.wires else engine.accept()
        wire.message()
        wire.send(ok(b"1", b"Access-Control-Allow-Origin: *\r\nX-Kept: 1\r\n"))
        answer = caller.message()
        assert (answer.get(b"access-control-allow-origin"), answer.get(b"x-kept")) == (None, b"1")


def test_other_options_go_on_as_any_request(gateway: Gateway, control: Puppet) -> None:
    gateway.table({}, control_socket=control.name)
    caller = gateway.connect()
    caller.send(b"OPTIONS /api/server HTTP/1.1\r\nHost: h\r\n\r\n")
    wire = control.accept()
    assert wire.message().first.startswith(b"OPTIONS /api/server")
    wire.send(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
    assert caller.message().status == 405


def test_what_can_be_allowed() -> None:
    assert hosts("127.0.0.1", ["Models.Example", "", "models.example"]) == (
        "127.0.0.1",
        "models.example",
    )
    assert origins(["https://Chat.example/", ""], False) == ("https://chat.example",)
    assert origins(["*", "app://obsidian.md", "http://h:3000", "null"], True)[0] == "*"
    for wrong in ("chat.example", "https://chat.example/path", "https://"):
        with pytest.raises(UsageError):
            origins([wrong], True)
    with pytest.raises(UsageError, match="no key"):
        origins(["*"], False)
