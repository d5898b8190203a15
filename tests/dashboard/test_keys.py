"""The page of keys in the browser: make, copy, rotate and end them, from the first key on."""

from __future__ import annotations

import httpx2
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Bed, Visits, inspect
from tests.stories.conftest import CHAT


def status(bed: Bed, key: str, path: str = "/v1/models") -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.get(bed.address + path, headers=headers, timeout=30).status_code


def make(page: Page, name: str, **fields: str) -> str:
    """Fill in the form and return the key that is shown once."""
    page.get_by_label("Name", exact=True).fill(name)
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(text)
    page.get_by_role("button", name="Make the key").click()
    shown = page.locator("section", has=page.get_by_role("heading", name=f"The key of {name}"))
    key = shown.locator("code").inner_text()
    assert key.startswith("ostler_")
    return key


def test_the_first_key_closes_the_door_and_lets_its_maker_in(visit: Visits, fresh: Bed) -> None:
    page = visit(bed=fresh)
    page.goto("/dashboard/keys")
    expect(page.get_by_role("heading", name="This server needs no key")).to_be_visible()
    inspect(page, "keys-empty")
    key = make(page, "olga")
    assert status(fresh, "none") == 401
    assert status(fresh, key, "/api/keys") == 200
    page.get_by_role("button", name="Sign in with it").click()
    expect(page.get_by_text("olga")).to_be_visible()
    expect(page).to_have_url(fresh.address + "/dashboard")
    page.goto("/dashboard/keys")
    expect(page.get_by_role("rowheader", name="olga (yours)")).to_be_visible()
    assert key not in page.content()
    with httpx2.Client(base_url=fresh.address, headers={"authorization": f"Bearer {key}"}) as api:
        for number in range(60):
            assert api.post("/api/keys", json={"name": f"k{number:02}"}).status_code == 201
    page.reload()
    expect(page.get_by_text("1 to 50 of 61")).to_be_visible()
    page.get_by_role("button", name="Later rows").click()
    expect(page.get_by_text("51 to 61 of 61")).to_be_visible()
    expect(page.get_by_role("rowheader", name="k50")).to_be_visible()
    inspect(page, "keys-many")


def test_a_key_is_made_shown_once_rotated_and_ended(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.operator)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/dashboard/keys")
    row = page.get_by_role("row").filter(has_text="anna")
    old = make(page, "anna", Models_it_may_use=CHAT, Requests_a_minute="60")
    inspect(page, "keys-made")
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator(".copy[data-done]")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == old
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text(old)).to_have_count(0)
    expect(row).to_contain_text("60 a minute")
    assert status(guarded, old) == 200

    page.get_by_role("button", name="Rotate anna").click()
    page.get_by_role("button", name="Rotate it").click()
    new = page.locator("section", has_text="The key of anna").locator("code").inner_text()
    assert (status(guarded, old), status(guarded, new)) == (401, 200)
    page.get_by_role("button", name="I have kept it").click()

    page.get_by_role("button", name="Revoke anna").click()
    expect(page.get_by_role("dialog")).to_contain_text("refused from now on")
    inspect(page, "keys-revoke")
    page.get_by_label("Why").fill("left the team")
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("The key of anna is no longer accepted.")).to_be_visible()
    expect(row).to_have_count(0)
    assert status(guarded, new) == 401
    told = guarded.shell.ok("history", "--act", "key.revoke", "--json").json()
    assert [(one["subject"], one["why"], one["actor"]) for one in told] == [
        ("anna", "left the team", "key:olga")
    ]
    page.get_by_role("button", name="ended").click()
    expect(row.filter(has_text="ended").first).to_be_visible()
    inspect(page, "keys")


def test_what_cannot_be_a_key_is_said_beside_the_form(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.operator)
    page.goto("/dashboard/keys")
    page.get_by_label("Name", exact=True).fill("udo")
    page.get_by_label("Tokens a day").fill("some")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Tokens per day is no number: 'some'.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("udo")
    page.get_by_label("Tokens a day").fill("")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("A key named 'udo' is in force")).to_be_visible()
    inspect(page, "keys-error")


def test_a_users_key_is_told_that_the_page_is_an_operators(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.user)
    page.goto("/dashboard/keys")
    expect(page.get_by_text("This page is an operator's")).to_be_visible()
    expect(page.get_by_role("button", name="Make the key")).to_have_count(0)
    inspect(page, "no-rights")
