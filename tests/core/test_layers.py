"""Layers: what each keeps, from config.json and from GGUF, held against published figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostler.core.facts import described, facts
from ostler.core.headers import read
from ostler.core.memory import estimate
from ostler.nouns import Format, LayerKind, TensorTable, Workload
from ostler.testing import weightfiles

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "src/ostler/data/calibration/configs"
INDEX = list(csv.DictReader((CONFIGS / "INDEX.csv").read_text(encoding="utf-8").splitlines()))
MIB = 2**20


def config(name: str) -> dict[str, object]:
    return json.loads((CONFIGS / f"{name.replace('/', '--')}.json").read_text(encoding="utf-8"))


def kinds(name: str) -> dict[str, int]:
    counted: dict[str, int] = {}
    for layer in described(config(name)).layer_kinds:
        counted[layer.kind] = counted.get(layer.kind, 0) + layer.count
    return counted


def kept(name: str, workload: Workload, engine: str) -> dict[str, int]:
    found = estimate(described(config(name)), workload, engine)
    return {term.name: term.bytes for term in found.terms if "cache" in term.name.lower()}


@pytest.mark.parametrize("row", [row for row in INDEX if row["params"]], ids=lambda r: r["model"])
def test_a_config_gives_the_published_number_of_parameters(row):
    found = described(config(row["model"]))
    seen = sum(matrix.parameters for matrix in found.matrices if matrix.role == "vision")
    drafts = sum(matrix.parameters for matrix in found.matrices if matrix.role == "draft")
    beside = seen if "not computable" in row["params_note"] else 0  # the count leaves these out
    beside += drafts if "without MTP" in row["params_note"] else 0
    assert (found.parameters or 0) - beside == int(row["params"])


def test_draft_layers_make_the_checkpoint_larger_and_are_not_loaded():
    """DeepSeek-V3's card: 671B of the main model, 14B of the module for the next token."""
    found = described(config("deepseek-ai/DeepSeek-V3"))
    assert found.parameters == pytest.approx(685e9, rel=0.001)
    loaded = estimate(found, Workload(kv_dtype="auto", tensor_parallel=8), "vllm").terms[0]
    assert loaded.bytes * 8 < found.weight_bytes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", {"full": 32}),
        ("google/gemma-2-9b-it", {"sliding": 21, "full": 21}),
        ("google/gemma-3-27b-it", {"sliding": 52, "full": 10}),
        ("google/gemma-4-E4B-it", {"sliding": 20, "full": 4, "shared": 18}),
        ("openai/gpt-oss-20b", {"sliding": 12, "full": 12}),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", {"chunked": 36, "full": 12}),
        ("meta-llama/Llama-3.2-11B-Vision", {"full": 32, "cross": 8}),
        ("deepseek-ai/DeepSeek-V3", {"latent": 61}),
        ("Qwen/Qwen3.5-27B", {"recurrent": 48, "full": 16}),
        ("nvidia/Nemotron-H-56B-Base-8K", {"recurrent": 54, "none": 54, "full": 10}),
        ("ibm-granite/granite-4.0-h-small", {"recurrent": 36, "full": 4}),
        ("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", {"full": 64, "none": 98}),
        ("mistralai/Mistral-7B-v0.1", {"sliding": 32}),
        ("mistralai/Mistral-7B-Instruct-v0.3", {"full": 32}),
        ("BAAI/bge-m3", {"none": 24}),
    ],
)
def test_the_kinds_of_layers(name, expected):
    assert kinds(name) == expected


def test_latent_attention_and_what_a_loader_without_it_takes():
    load = Workload(context=2048)
    assert kept("deepseek-ai/DeepSeek-V3", load, "llamacpp")["KV cache"] == 61 * 576 * 2 * 2048
    plain = Workload(context=2048, flags=(("no-mla", ""),))
    twice = Workload(context=2048, flags=(("latent-values", ""),))
    both = 61 * (576 + 512) * 2 * 2048
    assert kept("deepseek-ai/DeepSeek-V3", twice, "llamacpp")["KV cache"] == both
    per_token = 61 * 128 * (192 + 128) * 2
    assert kept("deepseek-ai/DeepSeek-V3", plain, "llamacpp")["KV cache"] == per_token * 2048


def test_a_window_is_kept_in_whole_cells_and_swa_full_keeps_everything():
    load = Workload(context=32768)
    found = kept("google/gemma-3-27b-it", load, "llamacpp")
    each = 2 * 16 * 128 * 2
    assert found["KV cache"] == 10 * each * 32768
    assert found["KV cache of windows"] == 52 * each * 1536  # 1,024 and 512 at once
    full = kept("google/gemma-3-27b-it", Workload(32768, flags=(("swa-full", ""),)), "llamacpp")
    assert full["KV cache"] == 62 * each * 32768 == 15.5 * 2**30


def test_keys_and_values_of_two_types():
    found = kept("Qwen/Qwen3-32B", Workload(8192, kv_dtype="q8_0/q4_0"), "llamacpp")
    assert found["KV cache"] == 64 * 8 * 128 * 8192 * (34 + 18) // 32


def test_a_state_does_not_grow_with_the_context():
    model = described(config("Qwen/Qwen3.5-27B"))
    sizes = {}
    for tokens in (1024, 262144):
        found = estimate(model, Workload(tokens, kv_dtype="auto"), "vllm")
        sizes[tokens] = {term.name: term.bytes for term in found.terms}
    state = 48 * ((2 * 16 * 128 + 48 * 128) * 3 * 2 + 48 * 128 * 128 * 4)
    assert sizes[1024]["recurrent state"] == sizes[262144]["recurrent state"] == state
    assert sizes[262144]["KV cache"] == 256 * sizes[1024]["KV cache"]


def test_an_architecture_that_is_not_known_is_said_to_be_and_bounded():
    own = config("Qwen/Qwen3-8B") | {"model_type": "brand_new"}
    found = described(own)
    assert any(text.startswith("architecture_unknown") for text in found.unknown)
    assert found.layer_kinds == (LayerKind("full", 36, 8, 128, 128),)


def gguf(architecture: str, **own: object) -> TensorTable:
    numbers = {"block_count": 8, "embedding_length": 64, "attention.head_count": 4,
               "attention.head_count_kv": 2, "context_length": 4096} | {
                   name.replace("__", "."): value for name, value in own.items()}  # fmt: skip
    metadata: dict[str, tuple[int, object]] = {"general.architecture": (8, architecture)}
    for name, value in numbers.items():
        metadata[f"{architecture}.{name}"] = value if isinstance(value, tuple) else (4, value)
    raw = weightfiles.gguf([("token_embd.weight", "F32", (64, 4))], metadata)
    table = read(Format.GGUF, raw, len(raw))
    assert isinstance(table, TensorTable)
    return table


@pytest.mark.parametrize(
    ("architecture", "own", "expected"),
    [
        ("llama", {}, {LayerKind("full", 8, 2, 16, 16)}),
        ("gpt-oss", {"attention__sliding_window": 128},
         {LayerKind("sliding", 4, 2, 16, 16, 128), LayerKind("full", 4, 2, 16, 16)}),
        ("gemma3", {"attention__sliding_window": 512},
         {LayerKind("sliding", 7, 2, 16, 16, 512), LayerKind("full", 1, 2, 16, 16)}),
        ("llama4", {}, {LayerKind("chunked", 6, 2, 16, 16, 8192), LayerKind("full", 2, 2, 16, 16)}),
        ("gemma3n", {"attention__shared_kv_layers": 3}, {LayerKind("full", 5, 2, 16, 16),
                                                         LayerKind("shared", 3)}),
        ("qwen3next", {"ssm__conv_kernel": 4, "ssm__inner_size": 32, "ssm__state_size": 8,
                       "ssm__group_count": 2},
         {LayerKind("recurrent", 6, conv_numbers=3 * 64, state_numbers=256),
          LayerKind("full", 2, 2, 16, 16)}),
        ("granitehybrid", {"attention__head_count_kv": (9, (5, [0, 0, 0, 2, 0, 0, 0, 2])),
                           "ssm__conv_kernel": 4, "ssm__inner_size": 32, "ssm__state_size": 8},
         {LayerKind("recurrent", 6, conv_numbers=96, state_numbers=256),
          LayerKind("full", 2, 2, 16, 16)}),
        ("deepseek2", {"attention__kv_lora_rank": 32, "rope__dimension_count": 8,
                       "attention__key_length": 40, "attention__value_length": 32,
                       "attention__key_length_mla": 24, "attention__value_length_mla": 16},
         {LayerKind("latent", 8, 4, 24, 16, latent_dim=40, latent_rank=32)}),
        ("t5", {}, set()),
    ],
)  # fmt: skip
def test_the_layers_of_a_gguf_header(architecture, own, expected):
    found = facts(Format.GGUF, [gguf(architecture, **own)])
    assert set(found.layer_kinds) == expected


strange = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
NAMES = sorted(
    {"block_configs", "vision_config"}
    | set(config("Qwen/Qwen3.5-27B")["text_config"])  # type: ignore[call-overload]
    | set(config("deepseek-ai/DeepSeek-V3"))
    | set(config("nvidia/Nemotron-H-56B-Base-8K"))
)


@settings(max_examples=150)
@given(st.sampled_from(INDEX), st.dictionaries(st.sampled_from(NAMES), strange, max_size=4))
def test_no_setting_is_too_strange(row, changed):
    found = described(config(row["model"]) | changed)
    assert all(layer.count > 0 for layer in found.layer_kinds)
    assert found.weight_bytes >= 0
