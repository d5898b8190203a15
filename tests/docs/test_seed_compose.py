"""The page of the seed's Compose service says what is written, and why each change."""

from __future__ import annotations

import yaml
from tools.seed_compose import ENTRY, PAGE, SEED, WHY, changed, page, service, wishes

from ostler.core.editing import put, read
from ostler.core.editing.editing import edited
from ostler.faces.server import wishes as w


def test_the_page_is_what_is_written() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_change_has_its_reason() -> None:
    said = " ".join(what for what, _ in WHY)
    assert [key for key in changed() if key not in said] == []


def test_what_the_seed_meant_is_there() -> None:
    made, seed = yaml.safe_load(service())["new_model_0"], yaml.safe_load(SEED)["new_model_0"]
    words = made["command"]
    for flag in ("--max-model-len", "--gpu-memory-utilization"):
        assert words[words.index(flag) + 1] == seed["command"][seed["command"].index(flag) + 1]
    assert made["container_name"] == seed["container_name"]
    assert made["networks"] == seed["networks"]
    (device,) = made["deploy"]["resources"]["reservations"]["devices"]
    assert device["device_ids"] == [seed["environment"]["NVIDIA_VISIBLE_DEVICES"]]


def test_it_goes_into_the_guides_own_file_and_nothing_else_moves() -> None:
    text = "# ours\nservices:\n" + "".join(f"  {line}\n" for line in SEED.splitlines())
    made = yaml.safe_load(service())["new_model_0"]
    longer = edited(text, "f", lambda held: put(held, ("services", "corrected"), made))
    assert longer.startswith(text)
    assert read(longer, "f")["services"]["corrected"] == made


def test_the_entry_becomes_wishes_that_are_accepted() -> None:
    found = w.WishesFile.model_validate(yaml.safe_load(wishes()))
    (wish,) = found.models.values()
    assert (wish.context, wish.max_concurrent) == (8192, 3)
    assert wish.aliases == ["new_model_0", "new_model"]
    assert "MODEL_CONFIGS" in ENTRY
