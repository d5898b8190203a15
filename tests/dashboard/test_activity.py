"""The activity in the browser: as it happens, filtered, very long, and when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ostler import wiring
from ostler.nouns import Event
from ostler.settings import load
from tests.dashboard.conftest import Bed, Visits, inspect, served
from tests.stories.conftest import CHAT, Shell, environment

MODEL = f"{CHAT}#q8_0"


def test_what_happens_appears_by_itself_with_who_and_why(page: Page, bed: Bed) -> None:
    bed.shell.run("unload", CHAT, "--force")
    page.goto("/dashboard/activity")
    bed.shell.ok("load", CHAT)
    newest = page.locator("tbody").first
    expect(newest).to_contain_text("loaded")
    expect(newest).to_contain_text("api")
    expect(newest).to_contain_text("On cpu")
    page.get_by_label("What", exact=True).select_option("Keys")
    expect(page.get_by_text("Nothing like this has happened in this time.")).to_be_visible()
    assert "of=keys" in page.url
    page.reload()
    expect(page.get_by_label("What", exact=True)).to_have_value("keys")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[Bed]:
    """A server with a long past, and 1,000 deployments."""
    home = tmp_path_factory.mktemp("busy") / "home"
    shell = Shell(environment(home, shipped_hub))
    shell.ok("pull", MODEL, "--quiet")
    why = "It made room for BAAI/bge-m3, which waited for 1.2 GiB on nvidia:0."
    events = [Event("evict", f"org/model-{n}", "keeper", why=why) for n in range(1000)]
    records = wiring.records(load({"OSTLER_HOME": str(home)}))
    records.add(events, (), ())
    records.close()
    names = "".join(f"  chat-{n:04}:\n    of: {CHAT}\n" for n in range(1000))
    (home / "ostler.yaml").write_text(f"models:\n{names}")
    yield from served(Bed("", shell))


def test_a_thousand_events_are_paged(visit: Visits, busy: Bed) -> None:
    page = visit(bed=busy)
    page.goto("/dashboard/activity?of=evict")
    expect(page.get_by_text("1,000 events, newest first")).to_be_visible()
    expect(page.locator("tbody")).to_have_count(50)
    expect(page.locator("tbody").first).to_contain_text("It made room for BAAI/bge-m3")
    inspect(page, "activity-many")
    page.get_by_role("button", name="Later rows").click()
    expect(page.get_by_text("51 to 100 of 1000")).to_be_visible()
    expect(page.locator("tbody").first).to_contain_text("org/model-949")


def test_a_thousand_deployments_are_paged(visit: Visits, busy: Bed) -> None:
    page = visit(bed=busy)
    page.goto("/dashboard/deployments")
    expect(page.get_by_role("heading", name="Models (1001)")).to_be_visible()
    expect(page.locator("tbody")).to_have_count(50)
    page.get_by_label("Find a model or a state").fill("chat-0999")
    expect(page.locator("tbody")).to_have_count(1)
    inspect(page, "deployments-many")


def test_records_that_cannot_be_read_are_said(
    visit: Visits, tmp_path: Path, shipped_hub: str
) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    serving = served(Bed("", shell))
    bed = next(serving)
    page = visit(bed=bed)
    page.goto("/dashboard")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    for one in tmp_path.glob("home/ostler.db*"):
        one.write_bytes(b"no database at all" * 100)
    page.get_by_role("link", name="Activity").click()
    expect(page.get_by_role("heading", name="This could not be shown")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    inspect(page, "activity-error")
    serving.close()
