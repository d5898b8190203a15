"""Fits in the browser: a model is chosen, moved about, and what it comes to is seen at once."""

from __future__ import annotations

import re
import shlex

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Bed, inspect, live
from tests.stories.conftest import CHAT

FIT = "/dashboard/fit"
BIG = f"{FIT}?model=llama-3.1-8b&gpu=L4&context=32768&sequences=4"


def test_no_model_yet(page: Page) -> None:
    live(page, FIT)
    expect(page.get_by_role("heading", name="Which model?")).to_be_visible()
    inspect(page, "fit-empty")
    page.get_by_role("link", name=f"{CHAT}#q8_0").click()
    expect(page.get_by_text(f"{CHAT}#q8_0 fits on")).to_be_visible()
    inspect(page, "fit-here")


def test_what_does_not_fit_says_what_would(page: Page) -> None:
    live(page, BIG)
    expect(page.get_by_text("llama-3.1-8b does not fit on L4.")).to_be_visible()
    expect(page.get_by_text("22.5 GiB of room")).to_be_visible()
    inspect(page, "fit-too-large")
    page.get_by_role("button", name=re.compile("Take .* tokens")).click()
    expect(page.get_by_text("llama-3.1-8b fits on L4.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"context=\d{4}&"))
    field = page.get_by_label("Tokens of context, each sequence", exact=True)
    assert int(field.input_value()) < 32768


def test_controls_are_moved_and_the_link_follows(page: Page, bed: Bed) -> None:
    live(page, BIG)
    required = page.locator(".term", has_text="required").locator(".size")
    expect(required).to_have_text("35.8 GiB")
    slider = page.get_by_label("Sequences at the same moment, in steps")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(required).to_have_text("27.0 GiB")
    page.keyboard.press("ArrowLeft")  # it has kept the focus
    expect(required).to_have_text("22.6 GiB")
    expect(page.get_by_label("Sequences at the same moment", exact=True)).to_have_value("1")
    field = page.get_by_label("Tokens of context, each sequence", exact=True)
    field.fill("16384")
    field.press("Enter")
    expect(required).to_have_text("20.4 GiB")
    page.get_by_label("Type of the KV cache").select_option("fp8")
    expect(required).to_have_text("19.3 GiB")
    page.get_by_label("Weights").select_option("?int4")
    expect(required).to_have_text(total := "8.7 GiB")
    expect(page.get_by_text("llama-3.1-8b fits on L4.")).to_be_visible()
    expect(page).to_have_url(re.compile("quant=int4&whatif=1&context=16384&kv=fp8$"))
    page.reload()
    expect(required).to_have_text(total)
    command = page.locator("p.command code").filter(has_text="ostler fit").inner_text()
    said = bed.shell.ok(*shlex.split(command)[1:], "--json").json()
    assert f"{said['required_bytes'] / 2**30:.1f} GiB" == total
    page.get_by_label("Margin, in percent").fill("50")
    page.get_by_label("Margin, in percent").press("Enter")
    expect(required).not_to_have_text(total)


def test_the_link_has_the_address_that_the_browser_came_by(page: Page, bed: Bed) -> None:
    """Behind a reverse proxy the server's own address is of no use to others."""
    name = bed.address.replace("127.0.0.1", "localhost")
    live(page, f"{name}{BIG}")
    link = page.locator("p.command code").filter(has_text=FIT)
    expect(link).to_have_text(re.compile(f"^{re.escape(name)}{FIT}\\?model=llama-3.1-8b&gpu=L4&"))
    page.goto(link.inner_text())
    expect(page.get_by_text("llama-3.1-8b does not fit on L4.")).to_be_visible()


def test_each_term_has_its_reason_on_demand(page: Page) -> None:
    live(page, BIG)
    why = page.get_by_text("2 (keys, values) x 32 layers x 8 KV heads")
    expect(why).to_have_count(0)
    page.get_by_role("button", name="KV cache").click()
    expect(why).to_be_visible()
    page.get_by_role("button", name="Hide all reasons").click()
    expect(why).to_have_count(0)
    page.get_by_role("button", name="Show all reasons").click()
    expect(page.get_by_text("total and margin: what must be free")).to_be_visible()
    inspect(page, "fit-reasons")


def test_other_gpus_have_prices_with_their_day(page: Page) -> None:
    live(page, BIG)
    rows = page.locator("section", has_text="Other GPUs").locator("tbody tr")
    expect(rows.first).to_contain_text(re.compile(r"\$\d+\.\d\d/h"))
    expect(rows.first).to_contain_text(re.compile(r"undated|\d{4}-\d\d-\d\d"))
    page.get_by_label("also those that do not hold it").check()
    for first in range(9, 74, 8):
        page.get_by_role("button", name="Later rows").click()
        expect(page.get_by_text(f"{first} to {first + 7} of")).to_be_visible()
    expect(rows.first).to_contain_text("too small")
    page.get_by_label("On", exact=True).select_option("H100-80GB-SXM")
    expect(page.get_by_text("llama-3.1-8b fits on H100-80GB-SXM.")).to_be_visible()
    page.get_by_label("GPUs that share each layer").select_option("2")
    expect(page.get_by_text("fits on 2x H100-80GB-SXM.")).to_be_visible()
    page.get_by_label("also those that do not hold it").uncheck()
    page.get_by_role("button", name="Choose").first.click()
    expect(page.get_by_text("shown above")).to_be_visible()


def test_what_cannot_be_is_said_beside_the_last_that_could(page: Page) -> None:
    live(page, f"{FIT}?model={CHAT}%23q8_0")
    expect(page.get_by_text(f"{CHAT}#q8_0 fits on")).to_be_visible()
    field = page.get_by_label("Tokens of context, each sequence", exact=True)
    field.fill("999999")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the model takes 2,048")
    expect(page.get_by_role("heading", name="Memory, term by term")).to_be_visible()
    inspect(page, "fit-refused")
    live(page, f"{FIT}?model=ostler/nobody")
    expect(page.get_by_role("alert")).to_contain_text("There is no model ostler/nobody")
    page.get_by_label("Model: kept here").fill(f"{CHAT}#q8_0")
    page.get_by_role("button", name="See what it needs").click()
    expect(page.get_by_text(f"{CHAT}#q8_0 fits on")).to_be_visible()
