"""Which tensors become smaller and to what, what it is called, what is ready-made."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import quantizing
from ostler.core.dtypes import GGML_TYPES
from ostler.core.facts import facts
from ostler.core.headers import read
from ostler.core.quants import label
from ostler.errors import UsageError
from ostler.nouns import Format, Found, Tensor, TensorTable

TINY = Path(quantizing.__file__).parents[1] / "testing/models/ostler/tiny-llama-GGUF"
NAMES = [one.name for one in quantizing.methods() if one.format is Format.GGUF]
METHODS = {one.name: one for one in quantizing.methods()}


def table_of(name: str) -> tuple[TensorTable, int]:
    content = (TINY / name).read_bytes()
    table = read(Format.GGUF, content, len(content))
    assert isinstance(table, TensorTable)
    return table, len(content)


F32, F32_SIZE = table_of("tiny-llama-F32.gguf")
Q8, Q8_SIZE = table_of("tiny-llama-Q8_0.gguf")
FACTS = facts(Format.GGUF, [F32], None, weight_bytes=F32_SIZE)


def tensor(name: str, *shape: int, dtype: str = "F32") -> Tensor:
    size = 4
    for length in shape:
        size *= length
    return Tensor(name, dtype, shape, size)


def test_the_size_is_known_before_a_byte_is_written() -> None:
    """The shipped Q8_0 file was made by other code, llama.cpp's gguf package."""
    new = quantizing.types([F32], FACTS, "q8_0")
    assert quantizing.size_after([F32], new) == Q8_SIZE
    made = {one.name: one.dtype for one in Q8.tensors}
    assert {name: GGML_TYPES[kind].name for name, kind in new.items()} == {
        name: dtype for name, dtype in made.items() if dtype != "F32"
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_type_fits_its_rows_and_is_smaller(name: str) -> None:
    new = quantizing.types([F32], FACTS, name)
    assert set(new) == {one.name for one in F32.tensors if len(one.shape) > 1}
    for one in F32.tensors:
        if one.name in new:
            assert one.shape[0] % GGML_TYPES[new[one.name]].elements == 0
    assert quantizing.size_after([F32], new) < F32_SIZE
    assert label(f"tiny-{name.upper()}.gguf") == name


@pytest.mark.parametrize(
    ("name", "shape", "becomes"),
    [
        ("blk.0.attn_q.weight", (256, 256), True),
        ("blk.0.ffn_gate_exps.weight", (256, 64, 8), True),
        ("blk.0.attn_norm.weight", (256,), False),
        ("blk.0.attn_q.bias", (256, 256), False),
        ("blk.0.ffn_gate_inp.weight", (256, 8), False),
        ("blk.0.ssm_conv1d.weight", (4, 256), False),
        ("blk.0.time_mix_w1.weight", (256, 64), False),
        ("blk.0.time_mix_key.weight", (256, 256), True),
        ("position_embd.weight", (256, 512), False),
        ("token_embd.weight", (256, 1600), True),
    ],
)
def test_what_llama_cpp_leaves_alone(name: str, shape: tuple[int, ...], becomes: bool) -> None:
    assert quantizing.changes(tensor(name, *shape)) is becomes


def test_a_row_that_fills_no_block_becomes_halves() -> None:
    odd = TensorTable(Format.GGUF, (tensor("blk.0.attn_q.weight", 100, 64),))
    new = quantizing.types([odd], FACTS, "q4_k_m")
    assert [GGML_TYPES[kind].name for kind in new.values()] == ["F16"]


def test_what_is_packed_already_is_seen() -> None:
    assert quantizing.already([F32]) is None
    assert quantizing.already([Q8]) == "Q8_0"
    assert quantizing.already([]) is None


def test_each_method_says_what_it_costs_and_who_says_so() -> None:
    for one in quantizing.methods():
        assert one.loss
        assert one.source
    assert "0.1754" in METHODS["q4_k_m"].loss
    assert len({one.name for one in quantizing.methods()}) == len(quantizing.methods())


@pytest.mark.parametrize("name", ["banana", "", "f16", "iq2_xxs", "iq3_xs", "q2_k_s"])
def test_what_is_not_offered_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        quantizing.method(name)
    assert refused.value.hint


def test_a_method_may_be_written_in_any_case() -> None:
    assert quantizing.method("Q4_K_M") == quantizing.method("q4-k-m") == METHODS["q4_k_m"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen2.5-0.5B-Instruct"),
        ("TheBloke/Mistral-7B-Instruct-v0.2-AWQ", "Mistral-7B-Instruct-v0.2"),
        ("a/b-q4_k_m-GGUF", "b"),
        ("Qwen/Qwen3-8B-FP8", "Qwen3-8B"),
        ("RedHatAI/Llama-3.1-8B-Instruct-quantized.w8a8", "Llama-3.1-8B-Instruct"),
        ("google/gemma-4-E4B-it", "gemma-4-E4B-it"),
    ],
)
def test_a_name_without_what_tells_of_its_weights(name: str, stem: str) -> None:
    assert quantizing.stem(name) == stem


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", fullmatch=True))
def test_a_stem_has_no_stem_of_its_own(name: str) -> None:
    once = quantizing.stem(f"a/{name}")
    assert quantizing.stem(f"a/{once}") == once


def test_ready_made_ones_come_by_how_often_they_were_fetched() -> None:
    names = {
        "TheBloke/Tiny-1B-AWQ": 5, "acme/Tiny-1B-AWQ": 500, "acme/Tiny-1B": 9000,
        "acme/Tiny-1B-GPTQ": 7, "acme/Tiny-13B-AWQ": 8, "acme/Other-1B-AWQ": 10,
    }  # fmt: skip
    found = [Found(name, False, downloads=count) for name, count in names.items()]
    ready = quantizing.ready_made(found, "acme/Tiny-1B", METHODS["awq"])
    assert [one.name for one in ready] == ["acme/Tiny-1B-AWQ", "TheBloke/Tiny-1B-AWQ"]
    assert quantizing.words("acme/Tiny-1B", METHODS["awq"]) == "Tiny-1B awq"
    own = [Found("local/Tiny-1B-AWQ", True)]
    assert quantizing.ready_made(own, "acme/Tiny-1B", METHODS["awq"]) == ()


def test_the_result_has_a_name_of_its_own() -> None:
    assert quantizing.new_name("acme/Tiny-1B-GGUF", METHODS["q4_k_m"]) == "local/Tiny-1B-Q4_K_M"
