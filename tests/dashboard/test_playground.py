"""The playground in the browser: chat, embeddings and rerank with the shipped models."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.conftest import PATIENCE, Bed, Visits, inspect
from tests.stories.conftest import CHAT, EMBED, RERANK

MODEL = f"{CHAT}#q8_0"


def ask(bed: Bed, method: str, path: str) -> Any:
    return httpx2.request(method, bed.address + path, timeout=60).raise_for_status().json()


def engine(bed: Bed) -> int | None:
    """The process of the chat model's engine."""
    return next((one["pid"] for one in ask(bed, "GET", "/api/models") if one["id"] == MODEL), None)


def running(bed: Bed) -> set[int]:
    """The processes of engines on this server's home."""
    home, found = bed.shell.env["OSTLER_HOME"].encode(), set()
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            words = one.read_bytes()
            if home in words and b"ostler.programs.llamacpp" in words:
                found.add(int(one.parent.name))
    return found


@contextmanager
def asleep(pid: int) -> Iterator[None]:
    """An engine that takes requests and answers none."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def loaded(bed: Bed) -> int:
    """The process of the chat model's engine, which is ready."""
    ask(bed, "POST", f"/api/models/{MODEL.replace('#', '%23')}/load")
    pid = engine(bed)
    assert pid
    return pid


@pytest.fixture
def chat(page: Page) -> Page:
    page.goto(f"/dashboard/playground?model={CHAT}")
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    return page


def send(page: Page, text: str) -> Locator:
    """Send a message and return the conversation."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    return page.get_by_role("log")


def test_a_chat_streams_and_says_how_fast_it_was(chat: Page, loaded: int) -> None:
    log = send(chat, "Say hello")
    expect(log.get_by_text("hello", exact=True)).to_be_visible()
    expect(log.get_by_text("first token after")).to_be_visible()
    send(chat, "Count")
    expect(log.get_by_text("tokens/s")).to_be_visible()
    expect(log.locator("article")).to_have_count(2)
    inspect(chat, "playground-chat")


def test_an_answer_that_is_waited_for_can_be_stopped(chat: Page, bed: Bed, loaded: int) -> None:
    with asleep(loaded):
        log = send(chat, "Say hello")
        expect(log.get_by_text("Waiting for the first word")).to_be_visible()
        inspect(chat, "playground-waiting")
        chat.get_by_role("button", name="Stop").click()
        expect(log.get_by_text("stopped by you")).to_be_visible()
        expect(chat.get_by_role("button", name="Send")).to_be_enabled()
    until = time.monotonic() + PATIENCE / 1000
    while any(one["busy"] for one in ask(bed, "GET", "/api/models")):
        assert time.monotonic() < until, "the engine was not told"
    send(chat, "Say hello")
    expect(log.get_by_text("hello", exact=True)).to_be_visible()


def test_an_engine_that_dies_is_said_and_asked_again(chat: Page, bed: Bed, loaded: int) -> None:
    os.kill(loaded, signal.SIGSTOP)
    log = send(chat, "Say hello")
    expect(log.get_by_text("Waiting for the first word")).to_be_visible()
    os.kill(loaded, signal.SIGKILL)
    expect(log.get_by_role("alert")).to_be_visible()
    inspect(chat, "playground-error")
    ask(bed, "POST", f"/api/models/{MODEL.replace('#', '%23')}/load")  # no back-off for this
    log.get_by_role("button", name="Ask again").click()
    expect(log.get_by_text("hello", exact=True)).to_be_visible()
    expect(log.get_by_role("alert")).to_have_count(0)


def test_it_stays_while_the_model_loads_and_other_pages_are_shown(
    chat: Page, bed: Bed, loaded: int
) -> None:
    chat.get_by_text("Settings").click()
    chat.get_by_label("Temperature").fill("0")
    ask(bed, "POST", f"/api/models/{MODEL.replace('#', '%23')}/unload")
    held: list[int] = []
    before = running(bed)

    def hold() -> None:
        """Stop the engine as soon as there is one, so that it stays on its way."""
        until = time.monotonic() + PATIENCE / 1000
        while not held and time.monotonic() < until:
            for pid in running(bed) - before:
                os.kill(pid, signal.SIGSTOP)
                held.append(pid)

    holder = threading.Thread(target=hold)
    holder.start()
    log = send(chat, "Say hello")
    holder.join()
    try:
        expect(log.get_by_text("The model is being loaded")).to_be_visible()
        inspect(chat, "playground-loading")
        chat.get_by_role("button", name="Dark").click()
        chat.get_by_role("link", name="Keys").click()
        expect(chat.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
        chat.get_by_role("link", name="Playground").click()
        expect(log.get_by_text("Say hello")).to_be_visible()
    finally:
        os.kill(held[0], signal.SIGCONT)
    expect(log.get_by_text("hello", exact=True)).to_be_visible()
    expect(chat.get_by_text("temperature 0")).to_be_visible()


def test_two_answer_the_same_question_side_by_side(chat: Page) -> None:
    chat.get_by_role("button", name="Compare with a second model").click()
    expect(chat.get_by_role("log")).to_have_count(2)
    chat.get_by_label("Message", exact=True).fill("Say hello")
    chat.get_by_role("button", name="Send").click()
    for log in chat.get_by_role("log").all():
        expect(log.get_by_text("hello", exact=True)).to_be_visible()
    inspect(chat, "playground-two")
    chat.get_by_role("button", name="Remove the second model").click()
    expect(chat.get_by_role("log")).to_have_count(1)


def test_a_setting_that_is_none_is_said_and_the_message_stays(chat: Page) -> None:
    chat.get_by_text("Settings").click()
    chat.get_by_label("Temperature").fill("hot")
    message = chat.get_by_label("Message", exact=True)
    message.fill("Say hello")
    chat.keyboard.press("Enter")
    expect(chat.get_by_text("Temperature is no number: 'hot'.")).to_be_visible()
    expect(message).to_have_value("Say hello")
    expect(chat.get_by_role("log").locator("article")).to_have_count(0)
    inspect(chat, "playground-settings")


def test_what_is_written_stays_text(chat: Page) -> None:
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    log = send(chat, evil)
    expect(log.get_by_text(evil)).to_be_visible()
    assert chat.evaluate("window.hacked") is None
    assert log.locator("img, script").count() == 0


@pytest.mark.parametrize("kind", ["chat", "embed", "rerank"])
def test_what_is_copied_runs(page: Page, bed: Bed, kind: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/dashboard/playground?kind={kind}")
    said = {"chat": "hello", "embed": "embedding", "rerank": "relevance_score"}
    for button, argv in (
        ("Copy as curl", ["bash", "-c"]),
        ("Copy as Python", [sys.executable, "-c"]),
    ):
        page.get_by_role("button", name=button).click()
        text = page.evaluate("navigator.clipboard.readText()")
        assert bed.address in text
        done = subprocess.run([*argv, text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert said[kind] in done.stdout or done.stdout.strip() == "32", done.stdout


def test_lines_become_vectors_beside_each_other(page: Page) -> None:
    page.goto(f"/dashboard/playground?model={EMBED}")
    lines = page.get_by_label("Lines, each of which gets a vector")
    lines.fill("tea\ntea\ncar")
    page.get_by_role("button", name="Compare the lines").click()
    expect(page.get_by_text("Vectors of 32 numbers each")).to_be_visible()
    cells = page.get_by_role("table", name="Cosine").get_by_role("cell").all_inner_texts()
    assert [cells[0], cells[1], cells[4]] == ["1.00"] * 3
    assert cells[2] == cells[6] != "1.00"
    inspect(page, "playground-embeddings")
    lines.fill("\n".join("abcdefghijklmnopq"))
    page.get_by_role("button", name="Compare the lines").click()
    expect(page.get_by_text("17 lines are too many here; 16 are the most.")).to_be_visible()
    expect(lines).to_have_value("\n".join("abcdefghijklmnopq"))


def test_documents_are_ranked(page: Page) -> None:
    page.goto(f"/dashboard/playground?model={RERANK}")
    page.get_by_role("button", name="Rank the documents").click()
    scores = page.locator(".scores .score")
    expect(scores).to_have_count(3)
    shown = [float(one) for one in scores.all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    inspect(page, "playground-rerank")


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/dashboard")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    link = page.get_by_role("link", name="Playground")
    tab_to(page, link)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Playground")).to_be_focused()
    tab_to(page, page.get_by_label("Message", exact=True))
    page.keyboard.type("Say hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log").get_by_text("hello", exact=True)).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_label("Message", exact=True)).to_have_value("\n")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it is there; the focus is always seen."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"{wanted} is not reached")


def test_a_user_sees_the_models_of_the_key(visit: Visits, guarded: Bed) -> None:
    page = visit(bed=guarded, key=guarded.user)
    page.goto("/dashboard/playground")
    expect(page.get_by_role("combobox").locator("option")).to_have_text([MODEL])
    log = send(page, "Say hello")
    expect(log.get_by_text("hello", exact=True)).to_be_visible()
    page.get_by_role("link", name="Embeddings").click()
    expect(page.get_by_role("heading", name="Your key may ask no embedding model")).to_be_visible()
    inspect(page, "playground-empty")
