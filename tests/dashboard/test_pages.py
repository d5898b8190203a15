"""What holds for every page: it is sound in both themes and on a phone, and wants no mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from ostler.faces.dashboard.pages import PAGES
from tests.dashboard.conftest import inspect

TITLES = {page.title: f"/dashboard{page.path}" for page in PAGES}


@pytest.mark.parametrize("title", TITLES)
def test_every_page_is_sound(page: Page, title: str) -> None:
    page.goto(TITLES[title])
    expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
    expect(page).to_have_title(f"{title} · Ostler")
    expect(page.locator(".loading")).to_have_count(0)
    inspect(page, title.lower())


@pytest.mark.parametrize("title", TITLES)
def test_every_page_is_reached_and_left_by_the_keyboard(page: Page, title: str) -> None:
    """All that can be done is reached by Tab, is seen to be, and nothing holds the focus."""
    page.goto(TITLES[title])
    expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, textarea")].filter(
          (one) => one.checkVisibility() && !one.disabled && one.type !== "hidden").length"""
    )
    seen, hidden = set(), []
    for _ in range(wanted + 20):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const one = document.activeElement; one.dataset.tab ??= Math.random();
              const style = getComputedStyle(one);
              return one === document.body ? null : [one.dataset.tab, one.outerHTML.slice(0, 120),
                style.outlineStyle !== "none" || style.boxShadow !== "none"]; }"""
        )
        if found is None:
            break
        seen.add(found[0])
        hidden += [] if found[2] else [found[1]]
    assert hidden == []
    assert len(seen) >= wanted


def test_the_phones_menu_folds(phone: Page) -> None:
    phone.goto("/dashboard")
    links = phone.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links.first).to_be_hidden()
    phone.get_by_role("button", name="Menu").tap()
    expect(links.first).to_be_visible()
    inspect(phone, "menu")
    phone.get_by_role("link", name="Keys").tap()
    expect(phone.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    expect(links.first).to_be_hidden()


def test_the_theme_follows_the_system_until_one_is_chosen(page: Page) -> None:
    page.goto("/dashboard")
    root = page.locator("html")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")


def test_a_page_that_is_none_says_so(page: Page) -> None:
    page.goto("/dashboard/nothing")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    inspect(page, "missing")
