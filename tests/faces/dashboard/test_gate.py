"""Who comes in to the dashboard, over the control API's own middleware and no browser."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ostler.faces.api import dashboards, own_key, refusals
from ostler.faces.api.callers import judging
from ostler.faces.dashboard import mount
from ostler.faces.dashboard.mount import BASE, Dashboard
from ostler.faces.dashboard.sending import Sending
from ostler.faces.gateway.messages import Key, Limits

HOST = "http://127.0.0.1:8077"


def key(name: str, role: str = "operator") -> Key:
    return Key(hashlib.sha256(f"sk-{name}".encode()).hexdigest(), name, role)


class Door:
    def __init__(self, *keys: Key) -> None:
        self.kept = {one.sha256: one for one in keys}

    def keys(self) -> Mapping[str, Key]:
        return self.kept


async def pages(self: Dashboard, scope: Scope, receive: Receive, send: Send) -> None:
    """Says who is let through, in NiceGUI's place."""
    caller = scope.get("ostler.caller")
    said = f"{caller.name}|{caller.role}|{scope['ostler.path']}" if caller else "open to all"
    await PlainTextResponse(said)(scope, receive, send)


@pytest.fixture
def door() -> Door:
    return Door(key("anna"), key("udo", "user"))


@pytest.fixture
def client(door: Door, monkeypatch: pytest.MonkeyPatch) -> httpx2.AsyncClient:
    monkeypatch.setattr(Dashboard, "pages", pages)
    app = FastAPI()
    app.middleware("http")(judging(door))
    refusals.install(app)
    app.include_router(own_key.routes())
    mount.hang(app, door, f"{HOST}{BASE}", limits=Limits(origins=("https://chat.example",)))
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url=HOST)


def signed_in(client: httpx2.AsyncClient, name: str, **more: Any) -> httpx2.Response:
    form = {"key": f"sk-{name}", **more}
    return asyncio.run(client.post(f"{BASE}/signin", data=form, headers={"origin": HOST}))


def get(client: httpx2.AsyncClient, path: str, **headers: str) -> httpx2.Response:
    return asyncio.run(
        client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    )


def test_where_no_key_is_needed_nothing_is_asked(client: httpx2.AsyncClient, door: Door) -> None:
    door.kept = {}
    assert get(client, BASE).text == f"|operator|{BASE}"
    assert get(client, f"{BASE}/fit").text == f"|operator|{BASE}/fit"


def test_without_a_session_every_page_leads_to_signing_in(client: httpx2.AsyncClient) -> None:
    answer = get(client, f"{BASE}/activity?of=keys")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BASE}/signin?to=%2Factivity%3Fof%3Dkeys"
    assert get(client, f"{BASE}/_nicegui_ws/socket.io/").status_code == 403
    assert get(client, f"{BASE}/_nicegui/1/static/x.js").text == "open to all"


def test_signing_in_gives_a_cookie_that_no_script_and_no_other_site_has(
    client: httpx2.AsyncClient,
) -> None:
    answer = signed_in(client, "anna", to="/fit?model=a/b")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/fit?model=a/b")
    cookie = answer.headers["set-cookie"]
    for part in ("ostler-8077=", "HttpOnly", "SameSite=strict", f"Path={BASE}"):
        assert part in cookie
    assert "Secure" not in cookie
    assert "sk-anna" not in str(answer.headers)
    assert get(client, f"{BASE}/keys").text == f"anna|operator|{BASE}/keys"


def test_a_user_is_let_in_as_a_user(client: httpx2.AsyncClient) -> None:
    signed_in(client, "udo")
    assert get(client, BASE).text == f"udo|user|{BASE}"


def test_under_tls_the_cookie_is_secure(door: Door) -> None:
    app = FastAPI()
    app.middleware("http")(judging(door))
    app.include_router(own_key.routes())
    mount.hang(app, door, f"{HOST}{BASE}".replace("http:", "https:"))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST)
    assert "Secure" in signed_in(client, "anna").headers["set-cookie"]


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/../v1", "//["]
)
def test_after_signing_in_nobody_is_led_away(client: httpx2.AsyncClient, to: str) -> None:
    led = signed_in(client, "anna", to=to).headers["location"]
    assert led == BASE or led.startswith(f"{BASE}/%5C")


def test_an_unknown_key_is_said_to_be_unknown(client: httpx2.AsyncClient) -> None:
    answer = signed_in(client, "nobody")
    assert answer.status_code == 401
    assert "No key of this server" in answer.text
    assert "set-cookie" not in answer.headers
    assert "sk-nobody" not in answer.text


def test_a_key_that_is_revoked_ends_its_sessions(client: httpx2.AsyncClient, door: Door) -> None:
    signed_in(client, "anna")
    door.kept.pop(key("anna").sha256)
    assert "why=ended" in get(client, BASE).headers["location"]


def test_a_page_of_another_site_may_not_sign_anybody_in_or_out(client: httpx2.AsyncClient) -> None:
    for path in ("signin", "signout"):
        answer = asyncio.run(
            client.post(
                f"{BASE}/{path}", data={"key": "sk-anna"}, headers={"origin": "https://evil"}
            )
        )
        assert answer.status_code == 403
    allowed = asyncio.run(
        client.post(
            f"{BASE}/signin", data={"key": "sk-anna"}, headers={"origin": "https://chat.example"}
        )
    )
    assert allowed.status_code == 303
    signed_in(client, "anna")
    assert get(client, f"{BASE}/_nicegui_ws/x", origin="https://evil").status_code == 403
    assert get(client, f"{BASE}/_nicegui_ws/x", origin=HOST).status_code == 200


def test_a_websocket_of_another_site_is_closed(client: httpx2.AsyncClient, door: Door) -> None:
    door.kept = {}
    app = client._transport.app  # type: ignore[attr-defined]
    said: list[Any] = []

    async def ask(origin: bytes) -> None:
        scope = {
            "type": "websocket", "path": f"{BASE}/_nicegui_ws/socket.io/", "root_path": "",
            "query_string": b"", "subprotocols": [],
            "headers": [(b"host", b"127.0.0.1:8077"), (b"origin", origin)],
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        await app(scope, receive, send)

    asyncio.run(ask(b"https://evil.example"))
    assert said == [{"type": "websocket.close", "code": 1008}]


def test_a_link_of_another_site_is_asked_once_more(client: httpx2.AsyncClient) -> None:
    link = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    answer = get(client, f"{BASE}/fit?model=a", sec_fetch_site="cross-site", **link)
    assert answer.status_code == 200
    assert f'url={BASE}/fit?model=a"' in answer.text


def test_a_ticket_opens_one_session_of_the_key_that_asked(client: httpx2.AsyncClient) -> None:
    shown = {"authorization": "Bearer sk-anna"}
    made = asyncio.run(client.post("/api/dashboard/tickets", headers=shown)).json()
    assert made["seconds"] == dashboards.SECONDS
    assert "sk-anna" not in made["url"]
    answer = get(client, made["url"])
    assert (answer.status_code, answer.headers["location"]) == (303, BASE)
    assert get(client, BASE).text.startswith("anna|operator")
    assert get(client, made["url"]).status_code == 401


def test_signing_out_ends_the_session_itself(client: httpx2.AsyncClient) -> None:
    cookie = signed_in(client, "anna").headers["set-cookie"].partition(";")[0]
    asyncio.run(client.post(f"{BASE}/signout", headers={"origin": HOST}))
    client.cookies.clear()
    assert get(client, BASE, cookie=cookie).status_code == 303


def test_a_question_for_news_whose_asker_has_left_is_let_go(door: Door) -> None:
    asked: list[str] = []

    async def engine(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((await receive())["type"])

    async def ask(*messages: str) -> None:
        left = list(messages)

        async def receive() -> Any:
            return {"type": left.pop(0)}

        async def send(_: Any) -> None: ...

        scope = {"type": "http", "path": "/_nicegui_ws/socket.io/", "root_path": "", "headers": []}
        await Sending(engine)(scope, receive, send)

    asyncio.run(ask("http.disconnect"))
    assert asked == []
    asyncio.run(ask("http.request"))
    assert asked == ["http.request"]
