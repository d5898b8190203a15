"""The gateway's errors: each as the table says, and the table in the documents is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.faces.gateway.conftest import Gateway, Puppet, key, ok, post

from ostler.faces.gateway.messages import Limits, Model

ROOT = Path(__file__).resolve().parents[3]
KEY = b"Authorization: Bearer k\r\n"
HEAD = b"POST /v1/x HTTP/1.1\r\nHost: h\r\n" + KEY
TABLE = {
    (400, "invalid_request_error", "bad_request"): HEAD + b"Host: h\r\n\r\n",
    (400, "invalid_request_error", "bad_json"): post(b"nonsense", KEY),
    (400, "invalid_request_error", "model_required"): post({}, KEY),
    (401, "authentication_error", "auth_required"): post({"model": "m"}),
    (403, "invalid_request_error", "forbidden"): post({"model": "other"}, KEY),
    (404, "not_found_error", "unknown_model"): post({"model": "none"}, KEY),
    (413, "invalid_request_error", "body_too_large"): HEAD + b"Content-Length: 99999\r\n\r\n",
    (417, "invalid_request_error", "expectation_failed"): HEAD + b"Expect: x\r\n\r\n",
    (429, "rate_limit_error", "model_busy"): post({"model": "busy"}, KEY),
    (431, "invalid_request_error", "headers_too_large"): HEAD + b"X: " + b"x" * 9999 + b"\r\n\r\n",
    (502, "server_error", "request_failed"): post({"model": "gone"}, KEY),
    (502, "server_error", "server_not_running"): b"GET /api/x HTTP/1.1\r\nHost: h\r\n%b\r\n" % KEY,
    (503, "server_error", "loading"): post({"model": "slow"}, KEY + b"Prefer: wait=0\r\n"),
    (503, "server_error", "queue_full"): post({"model": "slow"}, KEY),
    (505, "server_error", "http_version"): b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
}


@pytest.mark.parametrize("expected", TABLE, ids=lambda row: row[2])
def test_each_wrong_request_gets_its_code(
    gateway: Gateway, engine: Puppet, expected: tuple[int, str, str]
) -> None:
    backend = engine.backend()
    engine.listening.close()
    models = {
        "gone": Model("ready", backends=(backend,)),
        "busy": Model("ready", backends=(replace(backend, id="busy"),), concurrent=0),
        "slow": Model("loading"),
        "other": Model("loading"),
    }
    mine = replace(key("k"), models=("gone", "busy", "slow", "none", "probe*"))
    limits = Limits(max_body_bytes=9999, max_header_bytes=4096, max_parked=0)
    gateway.table(models, secret=KEY, keys=(mine,), limits=limits)
    answer = gateway.ask(TABLE[expected])
    assert (answer.status, answer.error["type"], answer.error["code"]) == expected
    assert answer.error["message"].endswith((".", "?"))
    assert (answer.get(b"retry-after") is not None) is (expected[0] in (429, 503))


def test_the_sixty_first_request_of_a_minute_is_too_many(gateway: Gateway, engine: Puppet) -> None:
    mine = replace(key("k"), name="sixty", requests_per_minute=60)
    models = {"m": Model("ready", backends=(engine.backend(),))}
    gateway.table(models, secret=KEY, keys=(mine, key("probe")))
    caller, wire = gateway.connect(), None
    asked = 0
    while True:
        caller.send(post({"model": "m"}, KEY))
        if asked >= 59:  # the table's own probe was one, or two where a minute began in between
            answer = caller.rest or caller.sock.recv(16, 2)
            if b"429" in answer:
                break
        wire = wire or engine.accept()
        wire.message()
        wire.send(ok(b"1"))
        assert caller.message().status == 200
        asked += 1
        assert asked < 130
    refused = caller.message()
    assert (refused.status, refused.error["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.get(b"retry-after") or 0) <= 60


def test_the_documents_name_every_code() -> None:
    sources = "".join(p.read_text() for p in (ROOT / "src/ostler/faces/gateway").glob("*.py"))
    given = set(
        re.findall(r'(?:refusal\(\s*\d{3},|limit\(|Fault\(text, "\w+",)\s*"(\w+)"', sources)
    )
    page = (ROOT / "docs/howto/gateway.md").read_text()
    told = set(re.findall(r"`(\w+)`", page[page.index("## Errors") : page.index("## The control")]))
    assert given, "the pattern finds none"
    assert given <= told, given - told
    assert {code for _, _, code in TABLE} <= told
