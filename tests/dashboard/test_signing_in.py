"""Signing in to a server that needs keys, in the browser: by key, by ticket, and out again."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.dashboard.conftest import Bed, Visits, inspect, live
from tests.stories.conftest import CHAT

COOKIE = "ostler-"


def test_a_key_is_shown_once_and_leads_where_one_wanted_to_go(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded)
    page.allowed.append("401")  # type: ignore[attr-defined]
    page.goto("/dashboard/activity?of=keys")
    expect(page).to_have_title("Sign in · Ostler")
    inspect(page, "signin")
    page.get_by_label("Your key").fill("sk-wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No key of this server is like this")
    page.get_by_label("Your key").fill(guarded.operator)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    expect(page.get_by_label("What")).to_have_value("keys")
    [cookie] = page.context.cookies()
    assert cookie["name"].startswith(COOKIE)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
        True,
        "Strict",
        "/dashboard",
    )
    assert guarded.operator not in json.dumps([cookie, page.url, page.content()])
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/dashboard")
    expect(page).to_have_title("Sign in · Ostler")


def test_the_owners_command_opens_it_without_a_key(visit: Visits, guarded: Bed) -> None:
    said = json.loads(guarded.shell.ok("dashboard", "--no-open", "--json").out)
    page = visit(bed=guarded)
    page.goto(said["url"])
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "ticket" not in page.url
    other = visit(bed=guarded)
    other.allowed.append("401")  # type: ignore[attr-defined]
    other.goto(said["url"])
    expect(other.get_by_role("alert")).to_contain_text("This link has been used")


def test_a_revoked_key_ends_what_it_opened(visit: Visits, guarded: Bed) -> None:
    key = guarded.shell.ok("keys", "create", "brief", "--role", "operator").out.strip()
    page = visit(bed=guarded, key=key)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    guarded.shell.ok("keys", "revoke", "brief", "--yes")
    expect(page.get_by_text("Your session has ended")).to_be_visible()


def test_a_user_sees_the_playground_alone(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.user)
    page.goto("/dashboard")
    expect(
        page.get_by_text("This page is an operator's, and this key is a user's.")
    ).to_be_visible()
    pages = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(pages).to_have_text(["Playground"])
    inspect(page, "not-an-operator")


def test_what_is_done_is_told_by_the_keys_name(visit: Visits, guarded: Bed) -> None:
    guarded.shell.run("unload", CHAT)  # another test may have asked it
    page = visit(bed=guarded, key=guarded.operator)
    live(page, "/dashboard/deployments")
    page.get_by_role("button", name=f"Load {CHAT}#q8_0", exact=True).click()
    expect(page.get_by_text("is ready on cpu")).to_be_visible()
    page.goto("/dashboard/activity?of=models")
    row = page.locator("tbody", has_text=CHAT)
    expect(row.first).to_contain_text("key:olga")
