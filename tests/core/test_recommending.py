"""A recommendation: what is here first, then the largest the budget pays for, with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler import data
from ostler.core.catalogue import Entry, find
from ostler.core.gpus import find as find_gpu
from ostler.core.needing import billions, need
from ostler.core.prices import Offer
from ostler.core.recommending import Candidate, recommend
from ostler.core.weighing import facts_of
from ostler.errors import UsageError
from ostler.nouns import Workload

ENTRIES, GPUS = data.catalogue(), data.gpus()
GB = 10**9


def candidate(id: str, here: str = "", blocked: str = "") -> Candidate:
    entry = find(id, ENTRIES)
    counted = data.parameters().get(entry.config_of)
    facts = facts_of(data.config(entry.config_of), entry.quantization, counted)
    return Candidate(entry, facts, here, blocked)


def offer(gpu: str, price: float | None, count: int = 1) -> Offer:
    return Offer("p", f"{count}x{gpu}", find_gpu(gpu, GPUS), count, price)


OFFERS = [
    offer("A10", 0.75), offer("RTX-A6000", 0.80), offer("A100-80GB-SXM", 1.29),
    offer("RTX-A6000", 1.60, 2), offer("B300", None),
]  # fmt: skip
CODERS = [
    candidate(id)
    for id in ("qwen2.5-coder-7b", "qwen2.5-coder-32b-int4", "qwen2.5-coder-32b", "qwen3-8b")
]
LONG = Workload(32768)


def test_the_largest_made_for_the_task_within_the_budget() -> None:
    found = recommend(CODERS, OFFERS, "coding", LONG, budget=1.00)
    assert found.best
    assert found.best.candidate.entry.id == "qwen2.5-coder-32b-int4"
    assert found.best.match.offer.gpu.name == "RTX-A6000"
    assert found.best.action == "deploy"
    assert found.reason.count(". ") == 0  # one sentence
    for part in (
        "qwen2.5-coder-32b-int4 is made for coding",
        "32,768 tokens",
        "$0.80/h",
        "$1.00/h",
    ):
        assert part in found.reason
    assert [pick.candidate.entry.id for pick in found.others] == ["qwen2.5-coder-7b", "qwen3-8b"]
    left = dict(found.left_out)
    assert left["qwen2.5-coder-32b"].startswith("the cheapest that holds it is")


def test_of_two_alike_the_one_that_is_here() -> None:
    here = [*CODERS[1:], candidate("qwen2.5-coder-7b", here="kept")]
    found = recommend(here, OFFERS, "coding", LONG, budget=1.00)
    assert found.best
    assert found.best.candidate.entry.id == "qwen2.5-coder-7b"
    assert found.best.action == "reuse"
    assert "is already kept here" in found.reason
    loaded = [*here, candidate("qwen3-8b", here="loaded")]
    assert (best := recommend(loaded, OFFERS, "coding", LONG).best)
    assert best.candidate.here == "loaded"


def test_too_little_money_names_the_closest() -> None:
    found = recommend(CODERS, OFFERS, "coding", LONG, budget=0.10)
    assert found.best is None
    assert found.closest
    assert found.closest.match.offer.price == 0.75
    assert "the closest is qwen2.5-coder-7b on 1x A10 for $0.75/h" in found.reason


def test_nothing_large_enough_names_what_lacks_least() -> None:
    found = recommend([candidate("qwen2.5-coder-32b")], [offer("A10", 0.75)], "coding", LONG)
    assert found.best is None
    assert "too little" in found.reason
    assert found.left_out[0][1].startswith("nothing holds it")


@pytest.mark.parametrize(
    ("one", "task", "context", "why"),
    [
        (candidate("bge-m3"), "coding", None, "not for coding"),
        (candidate("qwen2.5-coder-7b", blocked="blocked by the policy"), "coding", None, "blocked"),
        (candidate("qwen2.5-coder-7b"), "coding", 65536, "takes 32,768 tokens at most"),
        (candidate("granite-4.0-h-small"), "coding", 65536, "is not known"),
    ],
)
def test_what_is_left_out_has_its_reason(
    one: Candidate, task: str, context: int | None, why: str
) -> None:
    found = recommend([one], OFFERS, task, Workload(context))
    assert found.best is None
    assert why in found.left_out[0][1]


def test_no_offer_at_all() -> None:
    found = recommend(CODERS, [], "coding", LONG, 1.0)
    assert found.best is None
    assert found.closest is None
    assert "No model for coding with 32,768 tokens" in found.reason


def test_splitting_needs_heads_that_divide() -> None:
    one = candidate("qwen2.5-0.5b")  # 14 heads
    with pytest.raises(UsageError, match="14 heads do not divide by 4"):
        need(one.entry, one.facts, Workload(4096))(4)
    gguf = candidate("qwen2.5-7b-gguf")
    with pytest.raises(UsageError, match=r"llama\.cpp splits by layers"):
        need(gguf.entry, gguf.facts, Workload(4096))(2)


def test_weights_that_were_computed_say_so() -> None:
    one = candidate("qwen2.5-coder-32b-int4")
    found = need(one.entry, one.facts, Workload(8192))(1)
    weights = next(term for term in found.terms if term.name == "weights")
    assert weights.because == "32,763,876,352 parameters as awq, computed from config.json"
    assert weights.bytes == one.facts.weight_bytes


def test_the_rule_of_thumb_is_of_the_size_in_the_name_and_split_but_for_its_runtime() -> None:
    one = candidate("deepseek-r1-70b")
    whole, half = (need(one.entry, one.facts, Workload(8192), "soong")(gpus) for gpus in (1, 2))
    assert [term.bytes / GB for term in whole.terms] == [35.0, 4.0, 2.0, 3.5]
    assert [term.bytes / GB for term in half.terms] == [17.5, 2.0, 2.0, 1.75]


def test_of_a_model_without_a_config_only_the_rule_of_thumb_is_known() -> None:
    entry = Entry("mine", "a/b", quantization="fp16", billions=12, context=128000, tasks=("chat",))
    facts = facts_of(None, "fp16", 12 * GB)
    found = need(entry, facts, Workload())(1)
    assert found.total / GB == 32.4
    unsized = replace(entry, billions=None)
    with pytest.raises(UsageError, match=r"not wholly known|weighs"):
        need(unsized, facts_of(None, None, None), Workload())(1)


@pytest.mark.parametrize(
    ("count", "text"), [(494 * 10**6, "0.5 B"), (32763876352, "32.8 B"), (671026419200, "671 B")]
)
def test_sizes_as_models_are_named(count: int, text: str) -> None:
    assert billions(count) == text
