"""Keys, audit, events and metrics over HTTP, by role, on real records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request

from ostler.errors import OstlerError
from ostler.faces.api import audit, keyring, refusals
from ostler.faces.api.auditing import auditing
from ostler.faces.api.callers import actor, judging
from ostler.faces.gateway.messages import Key
from ostler.faces.server.ledger import Ledger
from ostler.faces.server.metrics import Metrics, Now
from ostler.nouns import Event
from ostler.records.records import Records
from ostler.testing.server import running


class Door:
    """Whoever has a key in these records is let in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def keys(self) -> Mapping[str, Key]:
        return {key.sha256: key for key in self._ledger.keys}


@dataclass(frozen=True)
class Api:
    """The routes on a real server."""

    address: str
    ledger: Ledger

    def ask(self, method: str, path: str, key: str = "", **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx2.request(method, self.address + path, headers=headers, timeout=30, **more)

    def made(self, name: str, key: str = "", **wanted: Any) -> str:
        answer = self.ask("POST", "/api/keys", key, json={"name": name, **wanted})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["key"]
        return made


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    ledger = Ledger(Records(tmp_path), lambda: None, lambda _: None)
    metrics = Metrics(lambda: Now({}, {}, 0, ledger.records.attempts.counts()))
    app = FastAPI()
    app.middleware("http")(auditing(ledger))
    app.middleware("http")(judging(Door(ledger)))
    refusals.install(app)
    app.include_router(keyring.routes(ledger))
    app.include_router(audit.routes(ledger, metrics))

    @app.get("/v1/models")
    def models(request: Request) -> str:
        return actor(request)

    @app.put("/api/preload")
    def preload(refused: bool = False) -> None:
        if refused:
            raise OstlerError("Not that.")

    @app.get("/health")
    def health(request: Request) -> str:
        return actor(request)

    with running(app) as address:
        yield Api(address, ledger)
    ledger.records.close()


def test_roles_decide_who_may_what(api: Api) -> None:
    assert api.ask("GET", "/v1/models").json() == "api", "where there is no key, none is needed"
    boss = api.made("boss", role="operator")
    user = api.made("anna", boss, models=["org/*"], concurrent=2)
    for path in ("/api/keys", "/api/audit", "/v1/models", "/metrics"):
        answer = api.ask("GET", path)
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "auth_required"
        assert api.ask("GET", path, "nonsense").status_code == 401
        assert api.ask("GET", path, boss).status_code == 200
    assert api.ask("GET", "/health").json() == "api"
    for method, path in (("GET", "/api/keys"), ("POST", "/api/keys"), ("DELETE", "/api/keys/boss")):
        answer = api.ask(method, path, user)
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "forbidden"
    assert api.ask("GET", "/v1/models", user).json() == "key:anna"
    assert api.ask("GET", "/metrics", user).status_code == 200
    also = httpx2.get(api.address + "/v1/models", headers={"x-api-key": user})
    assert also.json() == "key:anna"


def test_a_key_s_life(api: Api) -> None:
    boss = api.made("boss", role="operator")
    first = api.made("anna", boss, tokens_per_day=100)
    again = api.ask("POST", "/api/keys", boss, json={"name": "anna"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "key_exists")
    second = api.ask("POST", "/api/keys/anna/rotate", boss).json()["key"]
    assert api.ask("GET", "/v1/models", first).status_code == 401
    assert api.ask("GET", "/v1/models", second).status_code == 200
    listed = api.ask("GET", "/api/keys", boss)
    assert {one["name"]: one["tokens_per_day"] for one in listed.json()} == {
        "boss": None,
        "anna": 100,
    }
    for secret in (first, second, boss):
        assert secret not in listed.text
    assert api.ask("DELETE", "/api/keys/anna?why=left", boss).status_code == 200
    assert api.ask("GET", "/v1/models", second).status_code == 401
    assert api.ask("DELETE", "/api/keys/anna", boss).json()["error"]["code"] == "unknown_key"
    assert len(api.ask("GET", "/api/keys?revoked=true", boss).json()) == 3
    told = api.ask("GET", "/api/audit", boss).json()
    assert [(one["act"], one["subject"], one["actor"], one["why"]) for one in told] == [
        ("key.create", "boss", "api", ""),
        ("key.create", "anna", "key:boss", ""),
        ("key.rotate", "anna", "key:boss", ""),
        ("key.revoke", "anna", "key:boss", "left"),
    ]


@pytest.mark.parametrize(
    "wanted",
    [{"name": "../x"}, {"name": "a", "role": "root"}, {"name": "a", "models": []}, {"name": ""}],
)
def test_a_key_that_cannot_be(api: Api, wanted: dict[str, Any]) -> None:
    answer = api.ask("POST", "/api/keys", json=wanted)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
    assert api.ask("POST", "/api/keys", json={"name": "a", "concurrent": 0}).status_code == 422


def test_the_audit_is_filtered(api: Api) -> None:
    api.ledger.records.events.add(
        [
            Event("load", "org/a", "keeper", at="2001-01-01T00:00:00.000Z"),
            Event("load", "org/a"),
            Event("fail", "org/b", outcome="failed", why="no memory"),
        ]
    )
    assert len(api.ask("GET", "/api/audit").json()) == 2
    (failed,) = api.ask("GET", "/api/audit?act=fail&act=evict").json()
    assert (failed["subject"], failed["why"]) == ("org/b", "no memory")
    assert len(api.ask("GET", "/api/audit?subject=org/a&hours=1000000").json()) == 2


def test_changes_by_any_route_are_told(api: Api) -> None:
    boss = api.made("boss", role="operator")
    assert api.ask("PUT", "/api/preload", boss).status_code == 200
    assert api.ask("PUT", "/api/preload?refused=true", boss).status_code == 500
    assert api.ask("PUT", "/api/preload").status_code == 401
    told = api.ask("GET", "/api/audit?act=api", boss).json()
    assert [(one["subject"], one["actor"]) for one in told] == [("PUT /api/preload", "key:boss")]


def test_events_come_as_they_are_written(api: Api) -> None:
    api.ledger.records.events.add([Event("load", "org/a"), Event("load", "org/b")])
    with httpx2.stream(
        "GET", f"{api.address}/api/events", headers={"last-event-id": "1"}, timeout=30
    ) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in stream.iter_lines() if line)
        assert next(lines) == ": listening"
        assert [next(lines), next(lines)] == ["id: 2", "event: load"]
        assert json.loads(next(lines).removeprefix("data: "))["subject"] == "org/b"


def test_metrics_are_text(api: Api) -> None:
    assert "ostler_models_loaded 0.0" in api.ask("GET", "/metrics").text
