"""The playground in the browser: chat, embeddings and rerank with the shipped models."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import inspect
from tests.stories.conftest import CHAT


def test_a_chat_streams_and_says_how_fast_it_was(page: Page) -> None:
    page.goto(f"/dashboard/playground?model={CHAT}")
    page.get_by_label("Message", exact=True).fill("Say hello")
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log.get_by_text("hello", exact=True)).to_be_visible()
    expect(log.get_by_text("first token after")).to_be_visible()
    inspect(page, "playground-chat")
