"""The dashboard as an attacker meets it: from another site, from the network, from within."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.visitors import Door
from ostler.testing.server import running
from tests.conftest import safetensors, write_files
from tests.dashboard.conftest import Bed, Visits, served
from tests.stories.conftest import CHAT, Shell, end, environment

SOCKET = "/dashboard/_nicegui_ws/socket.io/?EIO=4&transport="
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
# What a page of another site has a browser do; each line ends with what came of it.
EVIL = """<!doctype html><title>evil</title><script>
const bed = new URLSearchParams(location.search).get("bed"), found = {};
const opened = (url) => new Promise((done) => {
  const one = new WebSocket(url);
  one.onopen = () => done("open"); one.onerror = () => done("refused");
});
const framed = (url) => new Promise((done) => {
  const one = document.createElement("iframe");
  one.onload = () => done(one.contentDocument ? "empty" : "blocked");
  one.src = url; document.body.append(one);
});
const fetched = (url, more) => fetch(url, {credentials: "include", mode: "no-cors", ...more})
  .then((answer) => answer.type, () => "refused");
const read = (url) => fetch(url, {credentials: "include"}).then((a) => a.text(), () => "refused");
addEventListener("load", async () => {
  found.socket = await opened(bed.replace("http", "ws") + "SOCKET" + "websocket");
  found.read = await read(bed + "/dashboard/keys");
  found.poll = await read(bed + "SOCKET" + "polling");
  await fetched(bed + "/dashboard/signout", {method: "POST"});
  await fetched(bed + "/dashboard/signin", {method: "POST", body: new URLSearchParams({key: "x"})});
  await fetched(bed + "/api/keys", {method: "POST", body: '{"name": "mallory"}'});
  await framed(bed + "/dashboard");
  window.found = found;
});
</script><body>""".replace("SOCKET", SOCKET)


async def evil(scope: Any, receive: Any, send: Any) -> None:
    """Serve the page of another site."""
    head = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": EVIL.encode()})


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with running(evil) as address:
        yield address


def asked(
    bed: Bed, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it is written here, and return status, headers and body."""
    at = urlsplit(bed.address)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body.encode() if body else None)
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, b"" if answer.status == 101 else answer.read()
    finally:
        connection.close()


def signed_in(bed: Bed, key: str = "", **headers: str) -> str:
    """Sign in as a browser's form does; return the cookie."""
    body = f"key={key or bed.operator}&to=/"
    kind = "application/x-www-form-urlencoded"
    status, fields, _ = asked(bed, "POST", "/dashboard/signin", body, content_type=kind, **headers)
    assert status == 303, status
    return fields["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("needs_key", [False, True])
def test_a_page_of_another_site_gets_nothing(
    visit: Visits, bed: Bed, guarded: Bed, site: str, name: str, needs_key: bool
) -> None:
    """From another port of this machine, which is the same site to cookies, and from elsewhere."""
    which = guarded if needs_key else bed
    page = visit(bed=which, key=which.operator)
    page.allowed.append("")  # type: ignore[attr-defined]  # everything it tries goes wrong
    page.goto(f"{site.replace('127.0.0.1', name)}/?bed={which.address}")
    page.wait_for_function("window.found")
    assert page.evaluate("found") == {"socket": "refused", "read": "refused", "poll": "refused"}
    for frame in page.frames:
        assert frame is page.main_frame or "Ostler" not in frame.content()
    page.goto(f"{which.address}/dashboard/keys")  # and nobody was signed out
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    expect(page.get_by_text("mallory")).to_have_count(0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"host": "evil.example", "origin": "http://evil.example"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_a_socket_opens_for_our_own_pages_alone(
    bed: Bed, headers: dict[str, str], status: int
) -> None:
    assert asked(bed, "GET", SOCKET + "websocket", **UPGRADE, **headers)[0] == status


def test_a_socket_needs_a_session_where_keys_are_needed(guarded: Bed) -> None:
    path = SOCKET + "websocket"
    assert asked(guarded, "GET", path, **UPGRADE)[0] == 403
    assert asked(guarded, "GET", SOCKET + "polling")[0] == 403
    cookie = signed_in(guarded)
    assert asked(guarded, "GET", path, **UPGRADE, cookie=cookie)[0] == 101
    asked(guarded, "POST", "/dashboard/signout", cookie=cookie)
    assert asked(guarded, "GET", path, **UPGRADE, cookie=cookie)[0] == 403


def test_a_session_begins_with_a_name_of_ours_and_ends_when_it_is_left(guarded: Bed) -> None:
    name = signed_in(guarded).partition("=")[0]
    planted = f"{name}=planted-by-an-attacker"
    cookie = signed_in(guarded, cookie=planted)
    assert len(cookie.partition("=")[2]) >= 43  # 256 bits
    for one, status in ((planted, 303), (cookie, 200)):
        assert asked(guarded, "GET", "/dashboard/keys", cookie=one)[0] == status
    again = signed_in(guarded, cookie=cookie)
    assert again != cookie
    assert asked(guarded, "GET", "/dashboard/keys", cookie=cookie)[0] == 303


def test_signing_out_ends_the_other_tabs_too(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.operator)
    other = visit.watched(page.context.new_page())
    other.goto("/dashboard/keys")
    expect(other.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(other.get_by_label("Your key")).to_be_visible()


def test_a_link_of_another_site_signs_nobody_in(guarded: Bed) -> None:
    headers = {"authorization": f"Bearer {guarded.operator}"}
    _, _, made = asked(guarded, "POST", "/api/dashboard/tickets", **headers)
    link = urlsplit(json.loads(made)["url"])
    path = f"{link.path}?{link.query}"
    for where in ("cross-site", "same-site"):
        status, fields, _ = asked(guarded, "GET", path, sec_fetch_site=where)
        assert (status, "set-cookie" in fields) == (403, False)
    status, fields, _ = asked(guarded, "GET", path, sec_fetch_site="none")
    assert status == 303
    assert "set-cookie" in fields


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/signin", "/dashboard/models?q=<script>"]
)
def test_every_page_says_what_may_run_in_it_and_that_it_may_not_be_framed(
    bed: Bed, path: str
) -> None:
    status, fields, body = asked(bed, "GET", path.replace("<", "%3C").replace(">", "%3E"))
    policy = fields["content-security-policy"]
    assert status == 200
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["cache-control"] == "no-store"
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    found = re.search(r"'nonce-([\w-]+)'", policy)
    scripts = re.findall(rb"<script[^>]*>", body)
    own = [b'src="/dashboard/', f'nonce="{found.group(1)}"'.encode() if found else b"\0"]
    assert all(any(mark in one for mark in own) for one in scripts)


def test_nothing_of_another_host_is_asked_for(page: Page, bed: Bed) -> None:
    asked_for: list[str] = []
    page.on("request", lambda one: asked_for.append(one.url))
    for path in ("", "/models", "/fit", "/deployments", "/playground", "/activity", "/keys"):
        page.goto(f"/dashboard{path}")
    hosts = {urlsplit(one).netloc for one in asked_for if not one.startswith("data:")}
    assert hosts == {urlsplit(bed.address).netloc}


def test_a_script_that_gets_into_a_page_does_not_run(page: Page) -> None:
    page.goto("/dashboard")
    page.allowed.append("Content Security Policy")  # type: ignore[attr-defined]
    page.evaluate(
        """() => new Promise((done) => {
          addEventListener("securitypolicyviolation", () => done());
          const evil = '<img src="/x" onerror="window.hacked = 1">';
          document.body.insertAdjacentHTML("beforeend", evil);
        })"""
    )
    page.allowed.append("/x")  # type: ignore[attr-defined]
    page.allowed.append("404")  # type: ignore[attr-defined]
    assert page.evaluate("window.hacked") is None


ESCAPES = (
    "../../../../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "....//....//etc/passwd", "..\\..\\gate.py",
    "%c0%ae%c0%ae/gate.py", "/etc/passwd", "..%00/gate.py",
)  # fmt: skip


@pytest.mark.parametrize(
    "root",
    [
        "/dashboard/own/",
        *(f"/dashboard/_nicegui/3.18.0/{kind}/" for kind in
          ("static", "esm/x", "resources/x", "libraries", "components")),
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_assets(guarded: Bed, root: str) -> None:
    """Assets need no key, so nothing else may be had by their way."""
    for escape in ESCAPES:
        status, _, body = asked(guarded, "GET", root + escape)
        assert status in (303, 400, 401, 403, 404), (root + escape, status)
        assert b"root:" not in body
        assert b"class Gate" not in body


def test_a_page_alone_costs_little_and_not_for_long(fresh: Bed) -> None:
    """Pages that no browser lives in are let go; the server stays as small as it was."""

    assert fresh.process

    def memory() -> int:
        assert fresh.process
        found = Path(f"/proc/{fresh.process.pid}/statm").read_text().split()[1]
        return int(found) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(20):
        assert asked(fresh, "GET", "/dashboard")[0] == 200
    before = memory()
    for _ in range(150):
        assert asked(fresh, "GET", "/dashboard")[0] == 200
    assert memory() - before < 30 * 2**20
    assert asked(fresh, "GET", SOCKET + "polling")[0] == 200  # who never comes back for an answer
    assert fresh.process.poll() is None
    assert end(fresh.process) == 0


def test_another_sites_pages_cannot_ask_for_ours_as_pictures(bed: Bed) -> None:
    for kind in ("image", "iframe", "script", "object", "embed"):
        status, _, _ = asked(
            bed, "GET", "/dashboard", sec_fetch_site="cross-site", sec_fetch_dest=kind,
            sec_fetch_mode="no-cors",
        )  # fmt: skip
        assert status == 403
    link = {"sec_fetch_site": "cross-site", "sec_fetch_dest": "document"}
    assert asked(bed, "GET", "/dashboard", sec_fetch_mode="navigate", **link)[0] == 200


def test_the_key_is_nowhere_to_be_found(visit: Visits, guarded: Bed, browser: Browser) -> None:
    page = visit(bed=guarded)
    addresses: list[str] = []
    page.on("request", lambda one: addresses.append(one.url))
    page.goto("/dashboard/keys")
    page.get_by_label("Your key").fill(guarded.operator)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    page.goto(f"/dashboard/playground?model={CHAT}")
    page.get_by_label("Message", exact=True).fill("Say hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log").get_by_text("hello", exact=True)).to_be_visible()
    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    for text in (kept, page.content(), json.dumps(page.context.cookies()), *addresses):
        assert guarded.operator not in text
    home = Path(guarded.shell.env["OSTLER_HOME"])
    for file in home.rglob("*"):
        if file.is_file():
            assert guarded.operator.encode() not in file.read_bytes(), file
    assert not Path(".nicegui").exists()


BAD = '<img src=x onerror="window.hacked=1">'
CARD = f"""---
license: '{BAD}'
pipeline_tag: '{BAD}'
tags: ['{BAD}']
---
# {BAD}
"""


def test_what_a_hub_says_stays_text(visit: Visits, tmp_path: Path) -> None:
    """A repository whose card and file names are made to run in whoever looks at them."""
    files = {"README.md": CARD.encode(), "config.json": b"{}", f"{BAD}.json": b"{}"}
    write_files(
        tmp_path / "hub/evil/model", {**files, "model.safetensors": safetensors(Random(1), "w", 8)}
    )
    with running(hub_app(FolderRepos(tmp_path / "hub"), Door((), ()))) as hub:
        for bed in served(Bed("", Shell(environment(tmp_path / "home", hub)))):
            page = visit(bed=bed)
            page.goto("/dashboard/models?view=hub&q=evil&plan=evil/model")
            expect(page.get_by_text("evil/model").first).to_be_visible()
            expect(page.get_by_text("onerror").first).to_be_attached()
            assert page.locator("img[src=x]").count() == 0
            assert page.evaluate("window.hacked") is None
            page.goto("about:blank")


def test_what_a_browser_says_that_it_may_not_say_does_nothing(visit: Visits, guarded: Bed) -> None:
    """A user's tab asks for an operator's acts by hand, and for acts that are none."""
    page = visit(bed=guarded, key=guarded.user)
    page.goto("/dashboard/keys")
    expect(page.get_by_text("This page is an operator's")).to_be_visible()
    acts: list[dict[str, Any]] = [
        {"name": "create", "args": {"values": {"name": "mallory", "role": "operator"}}},
        {"name": "revoke", "args": {"name": "olga"}},
        {"name": "__init__", "args": {}},
        {"name": "create", "args": {"unknown": 1}},
    ]
    for one in acts:
        page.evaluate(
            """(act) => {
              const [id, heard] = Object.entries(mounted_app.elements).flatMap(([id, one]) =>
                (one.events ?? []).filter((e) => e.type === "act").map((e) => [Number(id), e]))[0];
              window.socket.emit("event", {id, client_id: window.clientId,
                listener_id: heard.listener_id, args: [act]});
            }""",
            one,
        )
    page.get_by_role("link", name="Playground").click()
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    names = [one["name"] for one in guarded.shell.ok("keys", "ls", "--all", "--json").json()]
    assert "mallory" not in names
    assert "olga" in names


def test_half_a_request_holds_nobody_up(bed: Bed) -> None:
    """Many that begin and say no more; a page is still answered."""
    at = urlsplit(bed.address)
    held = [socket.create_connection((at.hostname or "", at.port or 80)) for _ in range(200)]
    for one in held:
        one.sendall(b"GET /dashboard HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    assert asked(bed, "GET", "/dashboard")[0] == 200
    for one in held:
        one.close()
