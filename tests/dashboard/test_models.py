"""Models in the browser: kept, found, planned, fetched, proven, moved, removed, brought back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Bed, Visits, inspect, live, served
from tests.stories.conftest import CHAT, EMBED, RERANK, Shell, environment

MODELS = "/dashboard/models"
OWN = f"{MODELS}?model={CHAT}%23q8_0"
SLOW = "250kB/s"  # so that a download of 1.5 MB can be watched, ended and gone on with


@pytest.fixture(scope="module")
def bed(home: Path, shipped_hub: str) -> Iterator[Bed]:
    """A server of these tests' own: they take models away."""
    place = shutil.copytree(home, home.with_name("models"), symlinks=True)
    env = environment(place, shipped_hub) | {"OSTLER_MAX_SPEED": SLOW}
    yield from served(Bed("", Shell(env)))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A server that keeps nothing, and whose hub is silent."""
    env = environment(tmp_path_factory.mktemp("bare") / "home", "http://127.0.0.1:9")
    yield from served(Bed("", Shell(env)))


@pytest.fixture(scope="module")
def many(home: Path, shipped_hub: str) -> Iterator[Bed]:
    """A server that keeps a thousand models, all of the same bytes."""
    place = shutil.copytree(home, home.with_name("many"), symlinks=True)
    (manifest,) = (place / "models/hf" / EMBED).glob("?" * 40 + ".json")
    said = json.loads(manifest.read_text())
    for number in range(1000):
        name = f"many/model-{number:03}"
        folder = place / "models/hf" / name
        folder.mkdir(parents=True)
        (folder / manifest.name).write_text(json.dumps({**said, "name": name}))
    yield from served(Bed("", Shell(environment(place, shipped_hub))))


def test_what_is_kept_and_one_in_full(page: Page) -> None:
    live(page, MODELS)
    expect(page.get_by_role("heading", name="Kept here (3)")).to_be_visible()
    expect(page.get_by_role("img", name="The disk: Models 1.2 MB")).to_be_visible()
    inspect(page, "models")
    page.get_by_role("link", name=f"{CHAT}#q8_0").click()
    detail = page.locator(".detail")
    expect(detail.get_by_text("2,048 tokens")).to_be_visible()
    expect(detail.get_by_text("Apache License 2.0")).to_be_visible()
    detail.get_by_text("each with its hash").click()
    expect(detail.get_by_role("row", name="tiny-llama-Q8_0.gguf")).to_contain_text("weights")
    inspect(page, "models-one")
    page.get_by_label("Find a kept model").fill("rerank")
    expect(page.get_by_role("heading", name="Kept here (1 of 3)")).to_be_visible()


def test_nothing_kept_leads_to_a_model_that_answers(visit: Visits, bare: Bed) -> None:
    page = visit(bed=bare)
    live(page, MODELS)
    expect(page.get_by_role("heading", name="No model is kept here yet")).to_be_visible()
    inspect(page, "models-empty")
    page.get_by_role("link", name="Search the hub").click()
    page.get_by_label("Words of a name").fill("qwen")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Only what is kept here was searched")).to_be_visible()
    inspect(page, "models-hub-silent")
    live(page, f"{MODELS}?view=hub&plan=org/name")
    expect(page.get_by_role("alert")).to_contain_text("did not answer")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    live(page, MODELS)
    page.get_by_role("button", name="Keep the tiny model").click()
    expect(page.get_by_role("heading", name="Kept here (1)")).to_be_visible()
    said = bare.shell.ok("test", CHAT).out
    assert "hello" in said.lower() or "OK" in said, said


def test_a_model_is_found_planned_fetched_ended_and_gone_on_with(page: Page, bed: Bed) -> None:
    live(page, MODELS)
    page.get_by_role("link", name="Find on the hub").click()
    page.get_by_label("Words of a name").fill("tiny")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("6 models, those kept here first.")).to_be_visible()
    inspect(page, "models-hub")
    page.get_by_role("link", name="ostler/tiny-llama", exact=True).click()
    detail = page.locator(".detail")
    expect(detail.get_by_text("1.5 MB of 1.5 MB")).to_be_visible()
    expect(detail.get_by_text("open to everybody")).to_be_visible()
    detail.get_by_text("10 files: 10 fetched").click()
    expect(detail.get_by_text("tokenizer_config.json")).to_be_visible()
    inspect(page, "models-plan")
    detail.get_by_role("button", name="Fetch 1.5 MB").click()
    bar = page.get_by_role("progressbar", name="Download of ostler/tiny-llama")
    expect(bar).to_be_visible()
    expect(page.get_by_text("kB of 1.5 MB")).to_be_visible()
    page.get_by_role("button", name="Cancel: Download of ostler/tiny-llama").click()
    expect(page.get_by_text("What has come is kept.")).to_be_visible()
    assert "ostler/tiny-llama " not in bed.shell.ok("ls").out
    page.get_by_role("button", name="Go on: Download of ostler/tiny-llama").click()
    expect(bar).to_be_visible()
    inspect(page, "models-fetching")
    expect(page.get_by_text("every byte verified")).to_be_visible()
    expect(page.get_by_role("link", name="ostler/tiny-llama", exact=True)).to_be_visible()
    bed.shell.ok("rm", "ostler/tiny-llama", "--purge", "--yes")


def test_a_quantization_is_chosen_and_a_blocked_licence_accepted(page: Page, bed: Bed) -> None:
    rules = Path(bed.shell.env["OSTLER_HOME"], "licences.yaml")
    rules.write_text("block: [apache-2.0]\n")
    try:
        live(page, f"{MODELS}?view=hub&plan={CHAT}")

        page.get_by_label("Quantization").select_option("f32")
        fetch = page.get_by_role("button", name="Fetch 2.9 MB")
        expect(fetch).to_be_disabled()
        expect(page.get_by_text("The licence policy blocks it")).to_be_visible()
        inspect(page, "models-plan-blocked")
        page.get_by_label("I hold the right to use it so").check()
        expect(fetch).to_be_enabled()
    finally:
        rules.unlink()


def test_damage_is_shown_and_mended(page: Page, bed: Bed) -> None:
    one = bed.shell.ok("info", EMBED, "--json").json()
    (file,) = [f for f in one["origin"]["files"] if f["path"].endswith(".gguf")]
    sha = file["sha256"]
    blob = Path(bed.shell.env["OSTLER_HOME"], "blobs/sha256", sha[:2], sha)
    whole = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(whole[:-3] + b"bad")
    live(page, f"{MODELS}?model={EMBED}%23f32")
    page.get_by_role("button", name="Verify every byte").click()
    expect(page.get_by_text(f"{EMBED}#f32 is damaged")).to_be_visible()
    expect(page.locator(".detail").get_by_text("no longer has its hash")).to_be_visible()
    inspect(page, "models-damaged")
    page.get_by_role("button", name=f"Repair: Verify of {EMBED}#f32").click()
    expect(page.get_by_text("1 file mended")).to_be_visible()
    expect(page.locator(".detail").get_by_text("no longer has its hash")).to_have_count(0)
    assert blob.read_bytes() == whole
    page.get_by_role("button", name=f"Dismiss: Repair of {EMBED}#f32").click()
    expect(page.get_by_text("1 file mended")).to_have_count(0)


def test_a_model_is_removed_and_had_back(page: Page, bed: Bed) -> None:
    bed.shell.ok("load", RERANK)
    live(page, f"{MODELS}?model={RERANK}%23f32")
    remove = page.get_by_role("button", name="Remove", exact=True)
    remove.click()
    dialog = page.get_by_role("dialog", name=f"Remove {RERANK}#f32?")
    expect(dialog.get_by_text("go to the trash")).to_be_visible()
    expect(dialog.get_by_text("It is loaded.")).to_be_visible()
    inspect(page, "models-remove")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert RERANK in bed.shell.ok("ls").out
    remove.click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text(f"{RERANK} is in the trash until")).to_be_visible()
    expect(page.get_by_role("heading", name="Kept here (2)")).to_be_visible()
    inspect(page, "models-removed")
    assert RERANK not in bed.shell.ok("ls").out
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Kept here (3)")).to_be_visible()
    assert RERANK in bed.shell.ok("ls").out
    page.get_by_role("link", name="Trash").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()


def test_a_model_goes_to_another_disk_and_back(page: Page, bed: Bed, tmp_path: Path) -> None:
    live(page, f"{MODELS}?model={RERANK}%23f32")
    page.get_by_role("button", name="Archive", exact=True).click()
    where = page.get_by_label("A folder on another disk")
    where.fill("cold")
    where.press("Enter")
    expect(page.get_by_text("is no whole path of the server's machine")).to_be_visible()
    where.fill(str(tmp_path / "cold"))
    where.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("are copied to")).to_be_visible()
    dialog.get_by_role("button", name="Move it").click()
    expect(page.get_by_text(f"moved to {tmp_path / 'cold'}")).to_be_visible()
    page.get_by_role("link", name="Archive 1").click()
    expect(page.get_by_role("row", name=RERANK)).to_be_visible()
    inspect(page, "models-archive")
    page.get_by_role("button", name=f"Bring back {RERANK}").click()
    page.get_by_role("dialog").get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("heading", name="Nothing is archived")).to_be_visible()
    assert RERANK in bed.shell.ok("ls").out


def test_the_catalogue_is_searched_by_task_and_name(page: Page) -> None:
    live(page, f"{MODELS}?view=catalogue")
    page.get_by_label("Task").select_option("coding")
    page.get_by_label("Find in the catalogue").fill("coder")
    expect(page.get_by_role("link", name="qwen2.5-coder-7b", exact=True)).to_be_visible()
    inspect(page, "models-catalogue")
    page.get_by_role("link", name="see what qwen2.5-coder-7b needs").click()
    expect(page.get_by_role("heading", name="Memory, term by term")).to_be_visible()


def test_a_thousand_models_are_found_among(visit: Visits, many: Bed) -> None:
    page = visit(bed=many)
    live(page, MODELS)
    expect(page.get_by_role("heading", name="Kept here (1003)")).to_be_visible()
    expect(page.get_by_text("1 to 50 of 1003")).to_be_visible()
    page.get_by_role("button", name="Later rows").click()
    expect(page.get_by_text("51 to 100 of 1003")).to_be_visible()
    page.get_by_label("Find a kept model").fill("model-777")
    expect(page.get_by_role("heading", name="Kept here (1 of 1003)")).to_be_visible()
    inspect(page, "models-many")
