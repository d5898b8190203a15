"""The bed itself: it shows pages, and it notices what is wrong with one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import SCREENSHOTS, Bed, Visits, axe, shot

FAULTY = """<script>
console.error('said'); fetch('/nothing-there'); setTimeout(() => { throw new Error('thrown') })
</script><p id=done>"""


def test_the_server_answers_in_the_browser(page: Page) -> None:
    page.goto("about:blank")
    page.goto("/health")
    expect(page.get_by_text("ok")).to_be_visible()


def test_what_goes_wrong_on_a_page_is_noticed(browser: Browser, bed: Bed) -> None:
    visits = Visits(browser, bed)
    page = visits()
    page.goto("/health")
    with page.expect_response("**/nothing-there"), page.expect_event("pageerror"):
        page.set_content(FAULTY)
    page.allowed.append("thrown")  # type: ignore[attr-defined]
    wrong = visits.close()
    assert any("said" in one for one in wrong)
    assert any(one.startswith("404 of") for one in wrong)
    assert not any("thrown" in one for one in wrong)


def test_axe_finds_what_cannot_be_read(page: Page) -> None:
    page.set_content("<html lang=en><title>t</title><main><h1>t</h1><p>plain</main>")
    assert axe(page) == []
    page.set_content(
        "<html lang=en><title>t</title><main><h1>t</h1><p style='color:#ccc'>pale<input></main>"
    )
    assert {one.partition(":")[0] for one in axe(page)} == {"color-contrast", "label"}


def test_screenshots_are_kept(page: Page) -> None:
    page.set_content("<h1>A page</h1>")
    shot(page, "bed")
    for kind in ("light", "dark", "phone"):
        picture = SCREENSHOTS / f"bed-{kind}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()


@pytest.mark.parametrize("who", ["operator", "user"])
def test_a_server_that_needs_keys(visit: Visits, guarded: Bed, who: str) -> None:
    page = visit(
        bed=guarded, extra_http_headers={"authorization": f"Bearer {getattr(guarded, who)}"}
    )
    page.goto("/v1/models")
    expect(page.locator("body")).to_contain_text("tiny-llama")
