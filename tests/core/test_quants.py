"""Names to variants, and the choice between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import quants, refs
from ostler.errors import BadRef, IncompleteShards, QuantizationNotFound
from ostler.nouns import Format, Variant


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Mistral-7B-v0.1.Q4_K_M.gguf", "q4_k_m"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "ud-q4_k_xl"),
        ("BF16/model-BF16-00001-of-00002.gguf", "bf16"),
        ("Q6_K/part-00001-of-00002.gguf", "q6_k"),
        ("model-f16-q4_k_s.gguf", "q4_k_s"),
        ("x-IQ2_XXS.gguf", "iq2_xxs"),
        ("x.IQ4_NL.gguf", "iq4_nl"),
        ("x-TQ1_0.gguf", "tq1_0"),
        ("x-Q4_0_4_8.gguf", "q4_0_4_8"),
        ("x.i1-Q3_K_L.gguf", "q3_k_l"),
        ("Q8_0.gguf", "q8_0"),
        ("x-q5-k-m.gguf", "q5_k_m"),
        ("gpt-oss-20b-mxfp4.gguf", "mxfp4"),
        ("x-MXFP4_MOE.gguf", "mxfp4_moe"),
        ("model.fp16.safetensors", "fp16"),
        ("x-F32.gguf", "f32"),
        ("x-Q2_K.gguf", "q2_k"),
        ("model.safetensors", None),
        ("Qwen2.5-0.5B.gguf", None),
        ("uniq4.gguf", None),
    ],
)
def test_labels(path: str, label: str | None) -> None:
    assert quants.label(path) == label


@given(st.sampled_from(quants.LARGEST_FIRST), st.sampled_from("-._"), st.booleans())
def test_every_known_label_is_read_from_a_name(label: str, between: str, upper: bool) -> None:
    name = f"Model-7B{between}{label.upper() if upper else label}.gguf"
    assert quants.label(name) == label


def names(paths: list[str]) -> list[str]:
    return [one.name for one in quants.variants(paths)]


def test_a_mixed_repository() -> None:
    found = quants.variants(
        ["m-Q4_K_M.gguf", "m-BF16-00002-of-00002.gguf", "m-BF16-00001-of-00002.gguf",
         "mmproj-F16.gguf", "imatrix.gguf", "model-00001-of-00002.safetensors",
         "model-00002-of-00002.safetensors", "consolidated.safetensors", "pytorch_model.bin",
         "training_args.bin", "original/consolidated.00.pth", "1_Dense/model.safetensors"]
    )  # fmt: skip
    assert found == (
        Variant("bf16", Format.GGUF, ("m-BF16-00001-of-00002.gguf", "m-BF16-00002-of-00002.gguf")),
        Variant("q4_k_m", Format.GGUF, ("m-Q4_K_M.gguf",)),
        Variant(
            "safetensors",
            Format.SAFETENSORS,
            ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ),
        Variant("consolidated", Format.SAFETENSORS, ("consolidated.safetensors",)),
        Variant("pytorch", Format.PYTORCH, ("pytorch_model.bin",)),
    )


def test_names_that_would_be_shared_become_longer() -> None:
    assert names(["a-Q8_0.gguf", "b-Q8_0.gguf"]) == ["a-q8_0", "b-q8_0"]
    assert names(["x/m.gguf", "y/m.gguf"]) == ["x-m", "y-m"]
    assert names(["m-Q8_0-00001-of-00001.gguf", "m-Q8_0.gguf"]) == [
        "m-q8_0-00001-of-00001.gguf",
        "m-q8_0.gguf",
    ]


GGUF_NAME = st.lists(
    st.sampled_from(["m", "Q4_K_M", "q8_0", "F16", "-", ".", "/", "-00001-of-00002", "é "]),
    min_size=1,
    max_size=5,
).map(lambda parts: "x" + "".join(parts) + ".gguf")


@given(st.sets(GGUF_NAME, max_size=8))
def test_every_file_is_in_one_variant_and_names_are_unique_references(paths: set[str]) -> None:
    found = quants.variants(paths)
    assert sorted(path for one in found for path in one.files) == sorted(paths)
    assert len({one.name for one in found}) == len(found)
    for one in found:
        try:
            assert refs.parse(f"a/b#{one.name}").variant == one.name
        except BadRef:
            pytest.fail(f"{one.name!r} cannot be written in a reference")


def gguf(*labels: str) -> tuple[Variant, ...]:
    return quants.variants(f"m-{label}.gguf" for label in labels)


def test_an_exact_name_never_picks_its_neighbour() -> None:
    with pytest.raises(QuantizationNotFound, match="available: q4_k_l, q4_k_s, q8_0") as caught:
        quants.choose(gguf("Q4_K_S", "Q4_K_L", "Q8_0"), "q4_k_m")
    assert caught.value.facts["available"] == ["q4_k_l", "q4_k_s", "q8_0"]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("wanted", "there", "taken"),
    [
        ("q4_k_m", ("Q4_K_S", "Q4_K_M"), "q4_k_m"),
        ("Q4_K_M", ("Q4_K_S", "Q4_K_M"), "q4_k_m"),
        ("q4_k", ("Q4_K_L", "Q4_K_S", "Q4_K_M"), "q4_k_m"),
        ("q4_k", ("Q4_K_L", "Q4_K_S"), "q4_k_s"),
        ("q4", ("Q4_0", "Q4_K_S"), "q4_k_s"),
        ("q8", ("Q8_0", "Q4_0"), "q8_0"),
        ("iq4", ("IQ4_XS", "IQ4_NL"), "iq4_nl"),
        ("m-q8_0", ("Q8_0", "Q4_0"), "q8_0"),
    ],
)
def test_asked_for(wanted: str, there: tuple[str, ...], taken: str) -> None:
    variant, rule = quants.choose(gguf(*there), wanted)
    assert variant.name == taken
    assert wanted in rule or taken in rule


@pytest.mark.parametrize(
    ("there", "taken", "because"),
    [
        (("Q2_K",), "q2_k", "the only one"),
        (("Q8_0", "Q4_K_M", "Q2_K"), "q4_k_m", "the default"),
        (("F32", "Q8_0"), "q8_0", "next larger"),
        (("F32", "Q5_K_S", "Q8_0"), "q5_k_s", "next larger"),
        (("Q2_K", "Q3_K_M"), "q3_k_m", "next smaller"),
    ],
)
def test_nothing_asked_for(there: tuple[str, ...], taken: str, because: str) -> None:
    variant, rule = quants.choose(gguf(*there))
    assert variant.name == taken
    assert because in rule


def test_safetensors_before_pytorch_and_before_its_own_half_precision_copy() -> None:
    there = quants.variants(["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin"])
    assert quants.choose(there)[0].name == "safetensors"


def test_files_whose_names_say_nothing_must_be_named() -> None:
    with pytest.raises(QuantizationNotFound, match=r"Which of these\? a, b"):
        quants.choose(quants.variants(["a.gguf", "b.gguf"]))


def test_fallback_goes_down_only_when_allowed_and_says_so() -> None:
    there = gguf("F16", "Q5_K_M", "Q4_K_M", "Q2_K")
    with pytest.raises(QuantizationNotFound):
        quants.choose(there, "q6_k")
    variant, rule = quants.choose(there, "q6_k", "down")
    assert variant.name == "q5_k_m"
    assert "no q6_k" in rule
    with pytest.raises(QuantizationNotFound):
        quants.choose(gguf("F16", "Q8_0"), "q4_k_m", "down")


RANKED = st.sampled_from(quants.LARGEST_FIRST)


@given(st.sets(RANKED, min_size=1, max_size=6), RANKED)
def test_fallback_never_takes_more_bits_than_asked_for(there: set[str], wanted: str) -> None:
    try:
        variant, _ = quants.choose(gguf(*there), wanted, "down")
    except QuantizationNotFound:
        return
    rank = quants.LARGEST_FIRST.index
    assert (
        variant.name == wanted
        or variant.name.startswith(wanted)
        or (rank(variant.name) > rank(wanted))
    )


def test_a_split_file_is_all_or_nothing() -> None:
    there = quants.variants([f"m-Q8_0-0000{at}-of-00003.gguf" for at in (1, 3)])
    assert there[0].missing == ("m-Q8_0-00002-of-00003.gguf",)
    with pytest.raises(IncompleteShards, match="m-Q8_0-00002-of-00003") as caught:
        quants.choose(there, "q8_0")
    assert caught.value.facts["missing"] == ["m-Q8_0-00002-of-00003.gguf"]
