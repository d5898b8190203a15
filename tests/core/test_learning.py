"""Which measurements an estimate is given."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.learning import compared, helpful, together
from ostler.core.memory import estimate
from ostler.nouns import Format, Measurement, ModelFacts, Task, Term, Workload

ONE = Measurement(
    "org/a", "llamacpp", "1.0", "kv", 100, variant="q8_0", family="llama", context=512,
    sequences=1, kv_dtype="f16", device="CUDA0", at="2026-01-01",
)  # fmt: skip


def found(*measured: Measurement, version: str | None = "1.0") -> list[int]:
    return [one.bytes for one in helpful(measured, "org/a", "q8_0", "llama", version)]


def test_the_model_s_own_come_before_its_family_s() -> None:
    kin = replace(ONE, model="org/b", bytes=7)
    assert found(kin) == [7]
    assert found(kin, ONE) == [100]
    assert found(replace(kin, family="qwen3")) == []


def test_another_variant_of_the_model_is_kin() -> None:
    other = replace(ONE, variant="q4_0", bytes=50)
    assert found(other, ONE) == [100]
    assert found(other) == [50]
    assert found(replace(ONE, variant="")) == [100], "a figure for no variant is for each"


def test_another_version_does_not_count() -> None:
    assert found(replace(ONE, version="2.0")) == []
    assert found(replace(ONE, version="2.0"), version=None) == [100]
    assert found(replace(ONE, version="")) == [100], "nobody said which version it was"


def test_the_newest_of_each_load_counts() -> None:
    newer = replace(ONE, bytes=120, at="2026-02-01")
    other = replace(ONE, context=1024, bytes=200)
    assert found(ONE, newer, other) == [120, 200]


def test_a_part_on_several_devices_is_one() -> None:
    assert found(ONE, replace(ONE, device="CUDA1", bytes=30)) == [130]
    assert found(ONE, replace(ONE, device="CPU", bytes=30)) == [100], "only what is on the GPU"
    assert found(replace(ONE, device="CPU"), replace(ONE, device="cpu", bytes=1)) == [101]
    assert len(together([ONE, replace(ONE, device="CUDA1", at="2026-03-01")])) == 2


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8))
def test_no_byte_is_lost_over_gpus(sizes: list[int]) -> None:
    parts = [replace(ONE, device=f"CUDA{n}", bytes=size) for n, size in enumerate(sizes)]
    assert found(*parts) == [sum(sizes)]


def test_a_measured_whole_counts_where_it_is_more_than_the_parts() -> None:
    facts = ModelFacts(
        Format.GGUF, "llama", Task.CHAT, 1000, 2000, "F16", context_length=512, layers=2, hidden=8,
        heads=2, kv_heads=2, head_dim=4, vocabulary=10, feed_forward=16, attention="full",
    )  # fmt: skip
    load = Workload(512)
    computed = estimate(facts, load, "llamacpp")
    whole = Measurement("org/a", "llamacpp", "1", "total", 10**9, context=512, sequences=1)
    more = estimate(facts, load, "llamacpp", model="org/a", measured=(whole,))
    assert more.total == 10**9
    assert "were measured with llamacpp 1" in more.terms[-1].because
    for other in (replace(whole, bytes=1), replace(whole, model="org/b", family="llama"),
                  replace(whole, sequences=2)):  # fmt: skip
        same = estimate(facts, load, "llamacpp", model="org/a", measured=(other,))
        assert same.total == computed.total


def test_what_was_expected_stands_beside_what_was_measured() -> None:
    terms = (Term("weights", 90, ""), Term("KV cache", 110, ""), Term("runtime", 5, ""))
    measured = (ONE, replace(ONE, component="total", bytes=190))
    assert compared(terms, measured) == (("KV cache", 110, 100), ("total", 205, 190))
    assert compared(terms, ()) == ()
