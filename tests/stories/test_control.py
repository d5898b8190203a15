"""The control API of a real server: its document, its errors, estimates, pulls, deployments."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stories.conftest import CHAT, EMBED, RERANK, Inn

from ostler.faces.api import dashboards, lamini
from ostler.faces.api.app import control_app
from ostler.faces.dashboard.session import Sessions

PATIENCE = 60.0
# What would end the server, stream without end, spawn a download, or lock the test out.
LEFT_OUT = {
    ("post", "/api/server/stop"),
    ("get", "/api/events"),
    ("post", "/api/pulls"),
    ("post", "/api/additions"),
    ("post", "/api/samples"),
    ("post", "/api/keys"),
    *(("post", path) for path in lamini.PATHS),
}
# Other spellings of a route that the document has once.
SPELLINGS = {*lamini.PATHS, "/estimate", "/"}


@pytest.fixture(scope="module")
def client(inn: Inn) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=inn.address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert {"message", "type", "code"} <= error.keys()
    assert error["code"] == code
    return error


# --- the document -----------------------------------------------------------------------------


class Nothing:
    """An inn of which the routes want nothing before they are asked."""

    def __getattr__(self, name: str) -> Any:
        return Nothing()


def spread(router: Any) -> Iterator[APIRoute]:
    """Every route of a router, and of those that it includes."""
    for one in router.routes:
        if isinstance(one, APIRoute):
            yield one
        elif hasattr(one, "original_router"):
            yield from spread(one.original_router)


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    app: Any = control_app(Nothing())  # type: ignore[arg-type]
    app.include_router(dashboards.routes(Sessions(), ""))  # comes with the dashboard
    real = {(m.lower(), one.path.replace(":path", "")) for one in spread(app) for m in one.methods}
    told = {(method, path) for path, ways in document["paths"].items() for method in ways}
    assert told <= real
    assert {path for _, path in real - told} <= SPELLINGS
    for ways in document["paths"].values():
        for way in ways.values():
            assert way["description"], way
            assert "4XX" in way["responses"]


NOUNS = ["models", "pulls", "deployments", "estimates", "fleet", "events", "keys", "audit",
         "store", "trash", "jobs", "search", "catalogue", "fits", "gpus", "prices"]  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
def test_the_issue_s_nouns_are_there(document: dict[str, Any], noun: str) -> None:
    assert f"/api/{noun}" in document["paths"]


texts = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def values(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values as a schema of the document has them."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return values(document["components"]["schemas"][name], document)
    if "anyOf" in schema:
        return st.one_of([values(one, document) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "object":
        parts = schema.get("properties", {})
        needed = schema.get("required", [])
        drawn = {name: values(one, document) for name, one in parts.items()}
        return st.fixed_dictionaries(
            {name: drawn[name] for name in needed},
            optional={name: one for name, one in drawn.items() if name not in needed},
        )
    if schema.get("type") == "array":
        return st.lists(values(schema["items"], document), max_size=3)
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        "string": texts, "integer": st.integers(-10, 10**9), "number": numbers,
        "boolean": st.booleans(), "null": st.none(),
    }  # fmt: skip
    return kinds.get(schema.get("type"), anything)


@st.composite
def requests(draw: st.DrawFn, document: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """A request that the document allows, or nearly."""
    ways = [
        (method, path)
        for path, found in document["paths"].items()
        for method in found
        if (method, path) not in LEFT_OUT
    ]
    method, path = draw(st.sampled_from(ways))
    way = document["paths"][path][method]
    query = {}
    for one in way.get("parameters", ()):
        drawn = draw(texts if draw(st.booleans()) else values(one["schema"], document))
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", quote(str(drawn), safe=""))
        elif one["in"] == "query":
            query[one["name"]] = drawn
    more: dict[str, Any] = {"params": query}
    if "requestBody" in way:
        schema = way["requestBody"]["content"]["application/json"]["schema"]
        more["json"] = draw(st.one_of(values(schema, document), anything))
    return method, path, more


def test_errors_that_no_route_gives_have_the_envelope_too(client: httpx2.Client) -> None:
    refused(client.get("/nowhere"), 404, "not_found")
    refused(client.delete("/v1/models"), 405, "method_not_allowed")
    error = refused(client.post("/api/keys", json={}), 422, "invalid_request")
    assert error["param"] == "name"
    refused(client.post("/api/keys", content=b"{"), 422, "invalid_request")
    refused(client.post("/api/models/org/none/load"), 404, "unknown_model")


# --- estimates --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/estimates", "/estimate"])
def test_an_estimate_adds_up_and_says_whether_it_fits(client: httpx2.Client, path: str) -> None:
    found = client.post(path, json={"model": CHAT, "context": 1024}).json()
    assert found["model"] == f"{CHAT}#q8_0"
    assert found["estimate_bytes"] == sum(found["parts"].values())
    assert found["estimate_gb"] == pytest.approx(found["estimate_bytes"] / 1e9, abs=1e-3)
    assert found["highest_device_bytes"] >= found["estimate_bytes"]
    assert found["fits"] is True
    more = client.post(path, json={"model": CHAT, "context": 2048, "sequences": 8}).json()
    assert more["estimate_bytes"] > found["estimate_bytes"]
    refused(client.post(path, json={"model": "org/none"}), 404, "unknown_model")
    refused(client.post(path, json={"model": CHAT, "engine": "vlm"}), 409, "engine_unsupported")
    refused(client.post(path, json={"model": CHAT, "contxt": 1}), 422, "invalid_request")


def test_an_estimate_that_does_not_fit_is_an_answer_too(client: httpx2.Client) -> None:
    asked = {"model": CHAT, "context": 2048, "sequences": 100_000_000}
    found = client.post("/api/estimates", json=asked).json()
    assert found["fits"] is False
    assert "too little" in found["because"]


# --- deployments, pulls, the fleet --------------------------------------------------------------


def test_a_deployment_has_an_address_of_its_own(client: httpx2.Client) -> None:
    made = client.post("/api/deployments", json={"model": EMBED, "pinned": True})
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["model"], one["state"], one["pinned"]) == (f"{EMBED}#f32", "ready", True)
    answer = client.post(f"{one['path']}/embeddings", json={"input": "cat"})
    assert len(answer.json()["data"][0]["embedding"]) == 32
    assert one["model"] in [d["model"] for d in client.get("/api/deployments").json()]
    units = {unit["id"]: unit for unit in client.get("/api/fleet").json()["models"]}
    assert units[one["model"]]["state"] == "ready"
    assert client.get(f"/models/{EMBED}/health").json()["status"] == "ok"
    assert client.delete(f"/api/deployments/{EMBED}").status_code == 200
    until(lambda: client.get(f"/models/{EMBED}/health").status_code == 503)
    refused(client.get("/api/deployments/org/none"), 404, "unknown_model")
    refused(client.post("/api/deployments", json={"model": "org/none"}), 404, "unknown_model")


def test_two_deployments_answer_apart(client: httpx2.Client) -> None:
    """Each path leads to its own model, whatever the body says."""
    body = {"model": CHAT, "query": "a", "documents": ["b"]}
    assert client.post(f"/models/{RERANK}/v1/rerank", json=body).json()["model"].startswith(RERANK)
    other = client.post(f"/models/{CHAT}/v1/rerank", json=body)
    assert other.status_code >= 400


def until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_pull_is_asked_for_and_watched(client: httpx2.Client) -> None:
    here = client.post("/api/pulls", json={"model": EMBED})
    assert (here.status_code, here.json()["status"]) == (200, "available")
    asked = client.post("/api/pulls", json={"model": "ostler/nobody"})
    assert (asked.status_code, asked.json()["by"]) == (202, "api")
    until(lambda: client.get("/api/pulls/ostler/nobody").json()["status"] == "failed")
    found = client.get("/api/pulls").json()
    (one,) = [pull for pull in found if pull["model"] == "ostler/nobody"]
    assert "ostler/nobody" in one["why"]
    refused(client.get("/api/pulls/org/other"), 404, "unknown_model")
    refused(client.delete("/api/pulls/org/other"), 404, "unknown_model")
    assert (
        "--help"
        in refused(client.post("/api/pulls", json={"model": "--help"}), 400, "usage")["message"]
    )


def test_loads_and_unloads_are_told_as_they_happen(client: httpx2.Client, inn: Inn) -> None:
    with client.stream("GET", "/api/events") as stream:
        lines = (
            line for line in stream.iter_lines() if line.startswith(("event:", ": l", "data:"))
        )
        assert next(lines) == ": listening"
        for act in ("unload", "load", "unload"):
            assert client.post(f"/api/models/{RERANK}/{act}").status_code == 200
        told: list[str] = []
        while told[-2:] != ["load", "unload"]:
            line = next(lines)
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data: "))
                told += [event["act"]] if event["subject"].startswith(RERANK) else []


# --- the law: last, as it leaves its mark on the server -------------------------------------------


def test_whatever_is_asked_the_answer_is_one_that_the_document_names(
    client: httpx2.Client, document: dict[str, Any]
) -> None:
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def law(data: st.DataObject) -> None:
        method, path, more = data.draw(requests(document))
        answer = client.request(method.upper(), path, **more)
        assert answer.status_code < 500, (method, path, more, answer.text)
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert isinstance(error["message"], str)
            assert error["message"].endswith((".", "?", "!")), error
            assert isinstance(error["code"], str)
            assert error["type"].endswith("_error"), error

    law()
