"""The catalogue: what comes along is whole, what a user types is checked, names lead to one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core.catalogue import PLATFORMS, TASKS, changed, find, own, select
from ostler.core.weighing import BITS, facts_of, of_config, weight_bytes
from ostler.errors import OstlerError, UnknownModel, UsageError
from ostler.nouns import ModelFacts

ENTRIES = data.catalogue()
SEEDS = (
    "mistral-7b", "llama-3.1-8b", "qwen2.5-coder-32b-int4", "deepseek-r1-70b", "llama-3.1-70b",
    "qwen2.5-coder-32b", "codellama-34b",
)  # fmt: skip
SAID: dict[str, Any] = {
    "hf_path": "mistralai/Mistral-Nemo-Instruct-2407",
    "params_billions": 12,
    "quantization": "fp16",
    "context_length": 128000,
}


def known(id: str) -> ModelFacts:
    entry = find(id, ENTRIES)
    counted = data.parameters().get(entry.config_of)
    return facts_of(data.config(entry.config_of), entry.quantization, counted)


def test_it_holds_the_seeds_models_and_the_common_families() -> None:
    assert len(ENTRIES) >= 60
    assert set(SEEDS) <= {entry.id for entry in ENTRIES}
    tags = {licence.tag for licence in data.licences()}
    for entry in ENTRIES:
        assert entry.tasks, entry.id
        assert set(entry.tasks) <= set(TASKS), entry.id
        assert data.config(entry.config_of), entry.id
        assert entry.licence is None or entry.licence in tags, entry.id
        assert entry.source, entry.id
        assert entry.as_of, entry.id
        assert all(edition.platform in PLATFORMS for edition in entry.editions), entry.id


def test_no_name_leads_to_two_models() -> None:
    names = [name.lower() for entry in ENTRIES for name in {entry.id, *entry.names}]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("llama-3.1-8b", "llama-3.1-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"),  # its name before
        ("hf:Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"),
        ("Qwen/Qwen2.5-32B-Instruct-GGUF", "qwen2.5-32b"),  # an edition of it
    ],
)
def test_every_name_of_a_model(written: str, id: str) -> None:
    assert find(written, ENTRIES).id == id


def test_an_unknown_name_brings_the_close_ones() -> None:
    with pytest.raises(UnknownModel) as refused:
        find("lama-3.1-8b", ENTRIES)
    assert refused.value.what.startswith("Model 'lama-3.1-8b' not found.")
    assert refused.value.hint == "Use 'ostler models' to see available models."
    assert "llama-3.1-8b" in refused.value.facts["close"]


@pytest.mark.parametrize(
    ("id", "gb"),
    [  # bytes of the safetensors files as published, in GB
        ("qwen2.5-coder-32b-int4", 19.3),
        ("deepseek-r1-70b", 39.8),
        ("gpt-oss-20b", 13.8),
        ("gpt-oss-120b", 65.2),
        ("llama-3.1-8b", 16.1),
    ],
)
def test_weights_by_quantization(id: str, gb: float) -> None:
    assert round(known(id).weight_bytes / 1e9, 1) == gb


def test_facts_come_from_the_config() -> None:
    facts = known("llama-3.1-8b")
    assert (facts.context_length, facts.layers, facts.kv_heads) == (131072, 32, 8)
    assert facts.parameters == 8030261248
    assert facts.quantization is None
    assert facts.dtype == "BF16"
    assert known("bge-m3").hidden == 1024
    assert known("deepseek-r1").quantization == "fp8"


def test_an_unknown_type_is_said_and_weighs_nothing() -> None:
    facts = known("bitnet-2b")
    assert facts.weight_bytes == 0
    assert any("type its weights are" in text for text in facts.unknown)
    nothing = facts_of(None, "fp16", None)
    assert nothing.parameters is None
    assert any("How many parameters" in text for text in nothing.unknown)


@given(st.sampled_from(sorted(BITS)), st.integers(1, 10**12))
def test_more_parameters_never_weigh_less(held: str, count: int) -> None:
    config = data.config("openai/gpt-oss-20b") or {}
    assert 0 <= weight_bytes(config, count, held) <= weight_bytes(config, count + 1000, held)
    assert weight_bytes(config, count, held) <= weight_bytes(config, count, "fp32")


@pytest.mark.parametrize(
    ("config", "held"),
    [
        ({"torch_dtype": "bfloat16"}, "bf16"),
        ({"text_config": {"dtype": "float16"}}, "fp16"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "awq"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "bits": 8}}, "int8"),
        ({"quantization_config": {"quant_method": "x", "format": "float-quantized"}}, "fp8"),
        ({"quantization_config": {"quant_method": "x"}}, None),
        ({}, None),
    ],
)
def test_what_a_config_says_of_its_weights(config: dict[str, Any], held: str | None) -> None:
    assert of_config(config) == held


def test_a_users_entry() -> None:
    entry = own("mistral-nemo-12b", SAID | {"good_for": ["long texts"], "quantization": "FP16"})
    assert (entry.repo, entry.billions, entry.quantization) == (SAID["hf_path"], 12, "fp16")
    assert entry.good_for == ("long texts",)
    assert entry.origin == "user"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"quantization": "fp9"}, "Invalid quantization 'fp9'. Must be one of: fp32, fp16, bf16,"),
        ({"params_billions": -1}, "Params_billions must be a positive number"),
        ({"params_billions": True}, "must be a positive number"),
        ({"params_billions": float("nan")}, "must be a positive number"),
        ({"context_length": 100}, "Context_length must be an integer >= 512"),
        ({"context_length": 8192.0}, "must be an integer >= 512"),
        ({"hf_path": ""}, "Missing required fields: hf_path"),
        ({"hf_path": "../etc"}, "is not a repository id"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"tasks": ["juggling"]}, "tasks must be among"),
        ({"good_for": "one text"}, "good_for must be a list"),
    ],
)
def test_what_is_wrong_with_it_is_said(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        own("mine", SAID | wrong)
    assert words.lower() in refused.value.what.lower()


def test_every_missing_field_is_named() -> None:
    with pytest.raises(UsageError, match="quantization, context_length"):
        own("mine", {"hf_path": "a/b", "params_billions": 1})


@given(
    st.dictionaries(
        st.sampled_from([*SAID, "notes", "tasks"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_no_file_of_a_users_breaks_it(said: dict[str, Any]) -> None:
    with suppress(OstlerError):
        assert own("mine", SAID | said).id == "mine"


@pytest.mark.parametrize("id", ["", "A", "../x", "a/b", "-a", "a" * 65])
def test_an_id_is_a_name_and_no_path(id: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name"):
        own(id, SAID)


def test_a_users_file_changes_what_comes_along() -> None:
    shipped = find("llama-3.1-8b", ENTRIES)
    entry = changed(shipped, {"context_length": 8192})
    assert (entry.context, entry.repo) == (8192, shipped.repo)
    assert entry.origin == "shipped, changed by user"
    assert entry.changed == ("context",)


def test_select() -> None:
    assert {entry.id for entry in select(ENTRIES, "rerank")} == {"bge-reranker-v2-m3"}
    assert len(select(ENTRIES, None)) == len(ENTRIES)
    assert [entry.id for entry in select(ENTRIES, "coding", "codellama")] == ["codellama-34b"]
