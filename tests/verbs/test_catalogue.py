"""The user's own entries: one file each, checked, beside what comes along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostler import data
from ostler.core.catalogue import own
from ostler.errors import UnknownModel, UsageError
from ostler.nouns import Manifest
from ostler.verbs import catalogue

SAID: dict[str, Any] = {
    "hf_path": "mistralai/Mistral-Nemo-Instruct-2407",
    "params_billions": 12,
    "quantization": "fp16",
    "context_length": 128000,
}


def test_added_found_removed(tmp_path: Path) -> None:
    catalogue.plan_add(tmp_path, "mine", SAID)
    assert catalogue.shelf(tmp_path).entries == data.catalogue()  # a plan changes nothing
    path = catalogue.add(tmp_path, "mine", SAID)
    assert path.stat().st_mode & 0o777 == 0o600
    entry = catalogue.shelf(tmp_path).find("mine")
    assert (entry.billions, entry.origin) == (12, "user")
    with pytest.raises(UsageError, match="already exists"):
        catalogue.plan_add(tmp_path, "mine", SAID)
    catalogue.remove(catalogue.plan_remove(tmp_path, "mine"))
    with pytest.raises(UnknownModel, match="Custom model 'mine' not found"):
        catalogue.plan_remove(tmp_path, "mine")


def test_what_comes_along_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        catalogue.plan_add(tmp_path, "mistral-7b", SAID)
    with pytest.raises(UsageError) as refused:
        catalogue.plan_remove(tmp_path, "mistral-7b")
    assert refused.value.what == (
        "Cannot remove built-in model 'mistral-7b'. Only custom models can be removed."
    )


def test_a_file_changes_what_comes_along_and_a_bad_one_is_left_out(tmp_path: Path) -> None:
    place = catalogue.place(tmp_path)
    place.mkdir()
    (place / "llama-3.1-8b.yaml").write_text("context_length: 8192  # enough for us\n")
    (place / "bad.yaml").write_text("hf_path: a/b\n")
    (place / "worse.yaml").write_text("[")
    (place / "list.yaml").write_text("- a\n")
    shelf = catalogue.shelf(tmp_path)
    entry = shelf.find("llama-3.1-8b")
    assert (entry.context, entry.origin) == (8192, "shipped, changed by user")
    assert len(shelf.entries) == len(data.catalogue())
    assert len(shelf.faults) == 3
    assert "Missing required fields" in shelf.faults[0]
    assert catalogue.plan_remove(tmp_path, "llama-3.1-8b").name == "llama-3.1-8b.yaml"


def codes(entry: Any, facts: Any, licence: str | None = None) -> list[str]:
    return [one.code for one in catalogue.differences(entry, facts, licence)]


def test_what_files_say_wins_and_the_difference_is_reported() -> None:
    said = SAID | {"hf_path": "meta-llama/Llama-3.1-70B-Instruct", "quantization": "int4",
                   "params_billions": 50, "context_length": 1000000}  # fmt: skip
    entry = replace(own("mine", said), licence="mit")
    facts = catalogue.facts(entry)
    assert facts.weight_bytes == 2 * 70553706496  # bfloat16, as its config.json says
    assert codes(entry, facts, "llama3.1") == [
        "quantization_mismatch", "parameters_mismatch", "context_exceeds_model", "licence_mismatch",
    ]  # fmt: skip
    assert "The entry says int4, the files are bf16." in str(catalogue.differences(entry, facts))


@pytest.mark.parametrize("entry", data.catalogue(), ids=lambda entry: entry.id)
def test_what_comes_along_agrees_with_its_configs(entry: Any) -> None:
    assert codes(entry, catalogue.facts(entry), entry.licence) == []


def manifest(name: str, *aliases: str, at: str = "2026-01-01") -> Manifest:
    return Manifest("hf", name, "0" * 40, (), aliases=aliases, pulled_at=at)


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ([manifest("meta-llama/Llama-3.1-8B-Instruct")], True),
        ([manifest("meta-llama/Meta-Llama-3.1-8B-Instruct")], True),  # its name before
        ([manifest("other/name", "meta-llama/Llama-3.1-8B-Instruct")], True),
        ([manifest("mlx-community/Meta-Llama-3.1-8B-Instruct-4bit")], True),  # an edition
        ([manifest("meta-llama/Llama-3.1-70B-Instruct")], False),
    ],
)
def test_what_is_kept_of_a_model_under_any_name(kept: list[Manifest], found: bool) -> None:
    entry = catalogue.shelf(Path("/nonexistent")).find("llama-3.1-8b")
    assert bool(catalogue.kept(entry, kept)) is found
