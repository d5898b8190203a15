"""Offers: ranked by price, memory, name; several GPUs only by tensor parallelism; reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core import offers
from ostler.core.gpus import find
from ostler.core.memory.soong import simple_terms
from ostler.core.offers import Wanted, closest, considered, matches, ranked, saving, within
from ostler.core.prices import Offer, current
from ostler.errors import UsageError
from ostler.nouns import Estimate, Format, ModelFacts, Term

GPUS = data.gpus()
GB = 10**9

SEEDS = [  # source-systems.md 3.3: billions, width, context, total, cheapest, its price
    ("mistral-7b", 7, "fp16", 32768, 21.4, "gpu_1x_rtx6000", 0.50),
    ("llama-3.1-8b", 8, "fp16", 8192, 23.6, "gpu_1x_a6000", 0.80),
    ("qwen2.5-coder-32b-int4", 32, "int4", 32768, 23.6, "gpu_1x_a6000", 0.80),
    ("deepseek-r1-70b", 70, "int4", 8192, 44.5, "gpu_1x_a100_sxm4_80gb", 1.29),
    ("llama-3.1-70b", 70, "int4", 8192, 44.5, "gpu_1x_a100_sxm4_80gb", 1.29),
    ("qwen2.5-coder-32b", 32, "fp16", 32768, 76.4, "gpu_1x_gh200", 1.49),
    ("codellama-34b", 34, "fp16", 16384, 80.8, "gpu_1x_gh200", 1.49),
    ("mistral-nemo-12b", 12, "fp16", 128000, 32.4, "gpu_1x_a6000", 0.80),
]


def soong(billions: int, width: str, context: int) -> Estimate:
    terms = simple_terms(billions * GB, width, context)
    total = sum(term.bytes for term in terms)
    return Estimate("soong", context, 1, terms, Term("margin", total // 10, ""))


def need(each: Estimate):  # type: ignore[no-untyped-def]
    """What a model needs that is never split."""

    def of(gpus: int) -> Estimate:
        if gpus > 1:
            raise UsageError(f"not split over {gpus}")
        return each

    return of


@pytest.mark.parametrize(
    ("name", "billions", "width", "context", "total", "instance", "price"), SEEDS
)
def test_the_cheapest_of_the_seeds_own_prices(
    name: str, billions: int, width: str, context: int, total: float, instance: str, price: float
) -> None:
    seeds = [one for one in data.prices() if "axiomantic/soong" in one.source]
    needed = soong(billions, width, context)
    assert round(needed.total / GB, 1) == total
    found = matches(seeds, need(needed), as_sold=True)
    best = next(match for match in found if match.fits)
    assert (best.offer.instance, best.offer.price) == (instance, price), name


def test_an_impossible_model_fits_nothing_and_is_never_160() -> None:
    needed = soong(800, "fp16", 8192)
    found = matches(current(data.prices()), need(needed), as_sold=True)
    assert round(needed.required / GB) == 1943
    assert not any(match.fits for match in found)
    nearest = closest(found)
    assert nearest
    assert "too little" in nearest.because


OFFERS = st.builds(
    Offer,
    provider=st.sampled_from(["a", "b"]),
    instance=st.just("i"),
    gpu=st.sampled_from(GPUS),
    count=st.integers(1, 8),
    price=st.none() | st.sampled_from([0.5, 1.0, 2.0]),
    region=st.sampled_from(["", "r"]),
)


@given(st.lists(OFFERS, max_size=12))
def test_price_then_memory_then_name_and_unknown_last(found: list[Offer]) -> None:
    order = [(o.price is None, o.price or 0, o.memory, o.gpu.name) for o in ranked(found)]
    assert order == sorted(order)
    assert sorted(map(id, ranked(found))) == sorted(map(id, found))


@given(st.lists(OFFERS, max_size=8), st.integers(1, 300 * GB))
def test_what_fits_needs_no_more_than_is_there(found: list[Offer], size: int) -> None:
    each = Estimate("e", 1, 1, (Term("weights", size, ""),), Term("margin", size // 10, ""))
    for match in matches(found, lambda gpus: each):
        assert match.fits == (match.offer.gpu.usable_bytes >= each.required)
        assert match.fits == ("too little" not in match.because)


def test_two_of_40_are_not_one_of_80() -> None:
    a100 = find("A100-40GB-SXM", GPUS)
    two = Offer("p", "i", a100, 2, 2.58)
    whole = soong(70, "int4", 8192)
    assert not matches([two], need(whole))[0].fits
    half = replace(whole, terms=(Term("half", whole.total // 2, ""),), margin=Term("m", 0, ""))
    split = matches([two], lambda gpus: half if gpus == 2 else whole)[0]
    assert split.fits
    assert "on each GPU" in split.because


@pytest.mark.parametrize(
    ("heads", "kv_heads", "gpus", "refusal"),
    [
        (32, 8, 1, None),
        (32, 8, 8, None),
        (32, 8, 16, None),  # each KV head on two GPUs
        (28, 4, 8, "28 heads do not divide by 8 GPUs"),
        (12, 4, 6, "4 KV heads do not divide by 6 GPUs"),
        (None, None, 2, "Its heads are not known, so it is not split over 2 GPUs"),
        (None, None, 1, None),
    ],
)
def test_heads_divide(
    heads: int | None, kv_heads: int | None, gpus: int, refusal: str | None
) -> None:
    facts = ModelFacts(Format.SAFETENSORS, "X", None, 1, 2, "BF16", heads=heads, kv_heads=kv_heads)
    assert offers.split_refusal(facts, gpus) == refusal


def test_what_a_user_says_is_kept_to() -> None:
    gh200, a10 = find("GH200", GPUS), find("A10", GPUS)
    x = Offer("p", "x", gh200, 1, 1.0)
    y = Offer("q", "y", a10, 2, 1.0, region="eu", note="SUSPECT")
    z = Offer("q", "z", a10, 1, 0.4, spot=True, region="all listed regions")
    gone = Offer("q", "gone", a10, 1, 0.1, available=False)
    every = [x, y, z, gone]
    assert considered(every, Wanted()) == [x]
    assert considered(every, Wanted(doubtful=True)) == [x, y]
    assert considered(every, Wanted(spot=True)) == [x, z]
    assert considered(every, Wanted(arch="x86_64")) == []
    assert considered(every, Wanted(providers=("q",), doubtful=True, most_gpus=1)) == []
    assert considered(every, Wanted(regions=("us",), spot=True, doubtful=True)) == [x, z]
    assert considered(every, Wanted(gpus=("A10",), spot=True)) == [z]
    assert considered(every, Wanted(vendors=("amd",))) == []


def test_an_unknown_price_is_within_no_budget() -> None:
    each = Estimate("e", 1, 1, (Term("weights", GB, ""),), Term("margin", 0, ""))
    priced, unknown = (Offer("p", "i", find("A10", GPUS), 1, price) for price in (0.75, None))
    found = matches([unknown, priced], lambda gpus: each)
    assert [match.offer.price for match in found] == [0.75, None]
    assert [within(1.0, match) for match in found] == [True, False]
    assert [within(None, match) for match in found] == [True, True]
    assert not within(0.7, found[0])
    assert [match.cost(4) for match in found] == [3.0, None]


def test_savings_as_the_seeds_should_have_computed_them() -> None:
    saved = saving(0.80, 0.60)
    assert saved
    assert (round(saved[0], 2), round(saved[1])) == (0.20, 25)
    assert saving(0.6, 0.8) is None
    assert saving(None, 0.8) is None
    assert saving(0.8, None) is None
