"""Deployments in the browser: load, read the log, unload, pin, fail and be told why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import PATIENCE, Bed, Visits, inspect, served
from tests.stories.conftest import CHAT, EMBED, Shell, environment

MODEL = f"{CHAT}#q8_0"
OWN = f"/dashboard/deployments?model={MODEL.replace('#', '%23')}"


@pytest.fixture(autouse=True)
def nothing_loaded(bed: Bed) -> None:
    """Each test begins with nothing loaded and nothing pinned."""
    for model in (CHAT, EMBED):
        bed.shell.run("pin", model, "--off")
        bed.shell.run("unload", model, "--force")


def test_a_model_is_loaded_and_unloaded_by_the_keyboard(page: Page, bed: Bed) -> None:
    page.goto("/dashboard/deployments")
    load = page.get_by_role("button", name=f"Load {MODEL}")
    load.focus()
    page.keyboard.press("Enter")
    row = page.locator("tbody", has_text=MODEL)
    expect(row.get_by_text("ready", exact=True)).to_be_visible()
    expect(page.get_by_text(f"{MODEL} is ready on cpu")).to_be_visible()
    assert MODEL in bed.shell.ok("ps").out
    row.get_by_role("button", name=f"Unload {MODEL}").press("Enter")
    expect(page.get_by_text(f"{MODEL} is unloaded")).to_be_visible()
    expect(row.get_by_text("stopped", exact=True)).to_be_visible()


def test_one_in_full_with_its_log_as_it_grows(page: Page, bed: Bed) -> None:
    page.goto(OWN)
    expect(page.get_by_text("Not now. The first request for it loads it.")).to_be_visible()
    page.locator(".detail").get_by_role("button", name=f"Load {MODEL}").click()
    detail = page.locator(".detail")
    expect(detail.get_by_text("is the only device that llamacpp can run it on")).to_be_visible()
    log = page.get_by_role("log")
    expect(log).to_contain_text("model loaded")
    lines = log.locator(".line").count()
    bed.shell.ok("test", CHAT)
    expect(log.locator(".line").nth(lines)).to_be_attached()
    expect(detail).to_contain_text(re.compile(r"Last used\s*(now|[0-9.]+ s ago)"))
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 40"
    page.wait_for_function(f"({at_end})(document.querySelector('[role=log]'))")
    detail.get_by_role("button", name="What stands in its way?").click()
    expect(detail.get_by_text("GGUF is llama.cpp's own format")).to_be_visible()
    inspect(page, "deployments-one")


def test_a_pinned_model_asks_before_it_is_unloaded(page: Page) -> None:
    page.goto("/dashboard/deployments")
    row = page.locator("tbody", has_text=MODEL)
    row.get_by_role("button", name=f"Pin {MODEL}").click()
    expect(row.get_by_role("button", name=f"Unpin {MODEL}")).to_be_visible()
    expect(row.get_by_text("ready", exact=True)).to_be_visible()
    row.get_by_role("button", name=f"Unload {MODEL}").click()
    dialog = page.get_by_role("dialog", name=f"Unload {MODEL}?")
    expect(dialog.get_by_text("stays down until it is loaded or asked for again")).to_be_visible()
    inspect(page, "deployments-asks")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row.get_by_text("ready", exact=True)).to_be_visible()
    row.get_by_role("button", name=f"Unload {MODEL}").click()
    dialog.get_by_role("button", name="Unload").click()
    expect(row.get_by_text("stopped", exact=True)).to_be_visible()
    row.get_by_role("button", name=f"Unpin {MODEL}").click()
    expect(row.get_by_role("button", name=f"Pin {MODEL}")).to_be_visible()


def test_some_are_found_by_name_and_state(page: Page) -> None:
    page.goto("/dashboard/deployments")
    page.get_by_label("Find a model or a state").fill("embed")
    expect(page.get_by_role("heading", name="Models (1 of 3)")).to_be_visible()
    page.get_by_label("Find a model or a state").fill("nothing like it")
    expect(page.get_by_text("No model has 'nothing like it'")).to_be_visible()
    expect(page.get_by_label("Find a model or a state")).to_be_focused()
    expect(page.get_by_label("Find a model or a state")).to_have_value("nothing like it")


def test_a_load_for_a_time_ends_by_itself(page: Page, bed: Bed) -> None:
    page.goto(OWN)
    page.get_by_label("or load it for").select_option("10 minutes")
    page.get_by_role("button", name="Load for so long").click()
    expect(page.locator(".detail").get_by_text("Ends in")).to_be_visible()


def test_an_unknown_model_in_the_address_is_said_to_be_unknown(page: Page) -> None:
    page.goto("/dashboard/deployments?model=no/such")
    expect(page.get_by_text("No model named no/such is here.")).to_be_visible()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[Bed]:
    """A server whose engine cannot start: its program is none."""
    place = tmp_path_factory.mktemp("broken")
    env = environment(place / "home", shipped_hub)
    Shell(env).ok("pull", f"{CHAT}#q8_0", "--quiet")
    for kept in (place / "home").rglob("*.gguf"):
        _cut(kept)
    yield from served(Bed("", Shell(env)))


def _cut(path: Path) -> None:
    whole = path.resolve()
    whole.chmod(0o600)
    data = whole.read_bytes()
    whole.write_bytes(data[:64] + bytes(len(data) - 64))


def test_a_model_that_fails_says_why_and_what_to_do(visit: Visits, broken: Bed) -> None:
    page = visit(bed=broken)
    page.goto(OWN)
    page.locator(".detail").get_by_role("button", name=f"Load {MODEL}").click()
    bad = page.locator(".toast.bad")
    expect(bad).to_be_visible(timeout=PATIENCE)
    inspect(page, "deployments-failed")
