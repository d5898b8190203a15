"""The overview in the browser: empty, at work, with warnings, and with its server gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Bed, Visits, inspect, served
from tests.stories.conftest import CHAT, Shell, address_said, end, environment

MODEL = f"{CHAT}#q8_0"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[Bed]:
    """A server that keeps nothing."""
    home = tmp_path_factory.mktemp("bare") / "home"
    yield from served(Bed("", Shell(environment(home, shipped_hub))))


def test_an_empty_server_says_what_to_do_next(visit: Visits, bare: Bed) -> None:
    page = visit(bed=bare)
    page.goto("/")
    expect(page).to_have_url(re.compile("/dashboard/?$"))
    expect(page.get_by_role("heading", name="No model is kept here yet")).to_be_visible()
    expect(page.get_by_text("ostler pull hf:")).to_be_visible()
    inspect(page, "overview-empty")
    page.get_by_role("link", name="Find a model").click()
    expect(page.get_by_role("heading", name="Models", exact=True, level=1)).to_be_focused()
    page.goto("/dashboard/deployments")
    expect(page.get_by_role("heading", name="Nothing can be deployed yet")).to_be_visible()
    inspect(page, "deployments-empty")
    page.goto("/dashboard/activity?of=evict")
    expect(page.get_by_role("heading", name="Nothing has happened")).to_be_visible()
    inspect(page, "activity-empty")


def test_what_is_loaded_is_seen_at_once_without_reloading(page: Page, bed: Bed) -> None:
    bed.shell.run("unload", CHAT, "--force")
    page.goto("/dashboard")
    expect(page.get_by_text("Nothing is loaded.")).to_be_visible()
    bed.shell.ok("test", CHAT)
    row = page.locator("tbody", has_text=MODEL)
    expect(row.get_by_text("ready", exact=True)).to_be_visible()
    words = re.compile("^Memory of cpu: .*tiny-llama-GGUF.q8_0 [0-9.]+ MiB")
    bar = page.get_by_role("img", name=words)
    expect(bar).to_be_visible()
    expect(
        page.get_by_role("img", name=re.compile("^Requests a second over 15 min"))
    ).to_be_visible()
    inspect(page, "overview")
    row.get_by_role("link", name=MODEL).click()
    expect(page.get_by_role("heading", name="Deployments")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_wishes_that_cannot_be_met_are_said(visit: Visits, bare: Bed) -> None:
    wishes = f"{bare.shell.env['OSTLER_HOME']}/ostler.yaml"
    page = visit(bed=bare)
    page.goto("/dashboard")
    with open(wishes, "w") as file:
        file.write("models:\n  chat:\n    of: no/such-model\n")
    expect(page.get_by_text("is of no/such-model, which is not kept here")).to_be_visible()
    inspect(page, "overview-warnings")


def test_every_page_opens_by_the_keyboard_on_a_phone(phone: Page) -> None:
    phone.goto("/dashboard")
    menu = phone.get_by_role("button", name="Menu")
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    phone.get_by_role("link", name="Activity").press("Enter")
    expect(phone.get_by_role("heading", name="Activity")).to_be_focused()
    expect(phone.get_by_role("link", name="Fit", exact=True)).to_be_hidden()
    expect(menu).to_have_attribute("aria-expanded", "false")


def test_the_theme_is_the_systems_until_it_is_chosen(visit: Visits) -> None:
    page = visit(scheme="dark")
    page.goto("/dashboard")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")


def test_a_server_that_is_gone_is_said_and_comes_back(
    visit: Visits, tmp_path_factory: pytest.TempPathFactory, shipped_hub: str
) -> None:
    shell = Shell(environment(tmp_path_factory.mktemp("gone") / "home", shipped_hub))
    server = shell.background("serve", "--port", "0")
    address = address_said(server)
    page = visit(bed=Bed(address, shell))
    page.allowed += ["ERR_", "502", "503", "WebSocket"]  # type: ignore[attr-defined]
    page.goto("/dashboard")
    page.wait_for_function("window.did_handshake")
    assert end(server) == 0  # at once, though a page is open
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    again = shell.background("serve", "--port", address.rpartition(":")[2])
    try:
        expect(page.get_by_text("The server does not answer.")).to_be_hidden()
        expect(page.get_by_text(re.compile("^Up [0-9.]+ s$"))).to_be_visible()
    finally:
        assert end(again) == 0


def test_it_is_live_where_no_websocket_gets_through(visit: Visits, bed: Bed) -> None:
    page = visit()
    page.add_init_script(
        "window.WebSocket = class { close() {} "
        "constructor() { setTimeout(() => this.onerror({}), 1) } }"
    )
    page.goto("/dashboard")
    bed.shell.run("unload", CHAT, "--force")
    expect(page.get_by_text("Nothing is loaded.")).to_be_visible()
    assert page.evaluate("window.socket.io.engine.transport.name") == "polling"
    page.get_by_role("link", name="Deployments").click()
    page.get_by_role("button", name=f"Load {MODEL}").click()
    expect(page.get_by_text(f"{MODEL} is ready on cpu")).to_be_visible()


def test_the_policy_lets_nothing_in_from_elsewhere(page: Page) -> None:
    answer = page.goto("/dashboard")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy
    ran = page.evaluate(
        "() => new Promise(done => { const s = document.createElement('script');"
        "s.textContent = 'window.ran = true'; s.onerror = done; document.body.append(s);"
        "setTimeout(() => done(window.ran), 100) })"
    )
    page.allowed.append("Content Security Policy")  # type: ignore[attr-defined]
    assert ran is None
