"""What an engine's list of architectures says of a model, and that the lists are lists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core.architectures import Listed, closest, held, loads, same
from ostler.core.choosing import choose
from ostler.errors import EngineUnsupported, UnsupportedArchitecture
from ostler.nouns import Format, Installed, ModelFacts, Task, Verdict
from ostler.testing.engines import MACHINES

LISTS = data.architectures()
LINUX = MACHINES[0]
ODD = ModelFacts(
    Format.SAFETENSORS, "NeverHeardOfForCausalLM", Task.CHAT, 10, 100, "BF16", family="never_heard"
)
LLAMA = replace(ODD, architecture="LlamaForCausalLM", family="llama")


def having(name: str) -> Listed:
    return Listed("own", "1.2.0", "2026-01-02", "a wheel", "architectures", "", "", {}, (name,))


def able(engine: str, version: str = "", via: str = "") -> Verdict:
    listed = LISTS[engine]
    found = Installed(engine, version or listed.version, (engine,), via or listed.via or "binary")
    return Verdict(engine, True, "it can", found)


@pytest.mark.parametrize("listed", LISTS.values(), ids=str)
def test_each_list_is_sorted_and_holds_each_name_once(listed: Listed) -> None:
    assert len(listed.names) > 100
    assert list(listed.names) == sorted(set(listed.names))
    assert all(name and name == name.strip() for name in listed.names)
    assert listed.version in listed.source or listed.via, "whose version it is"
    assert len(listed.date) == len("2026-01-02")
    assert listed.fallback in ("", *LISTS)
    assert not listed.dropped.keys() & set(listed.names)


@given(st.sampled_from(sorted(LISTS)), st.data())
def test_what_is_listed_passes_as_it_was(engine: str, draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(LISTS[engine].names))
    assert held(able(engine), replace(ODD, architecture=name), LISTS) == able(engine)


@given(st.sampled_from(sorted(LISTS)), st.text(min_size=1))
def test_no_name_breaks_it_and_each_refusal_names_it(engine: str, name: str) -> None:
    facts = replace(ODD, architecture=name)
    verdict = held(able(engine), facts, LISTS)
    listed = LISTS[engine]
    assert verdict.can is not verdict.unlisted
    if verdict.unlisted:
        assert not loads(listed, facts)
        for said in (name, engine, listed.version, listed.date, str(len(listed.names))):
            assert said in verdict.because
    assert set(closest(name, listed.names)) <= set(listed.names)


@pytest.mark.parametrize("config", ["Qwen/Qwen3-VL-8B-Instruct", "google/gemma-3-4b-it"])
def test_the_language_part_of_a_larger_model_counts(config: str) -> None:
    from ostler.core.facts.config import facts

    known = facts(Format.SAFETENSORS, data.config(config), None, None, None)
    assert (known.family or "").endswith("_text")
    for engine in ("vllm", "sglang", "transformers", "mlx"):
        assert held(able(engine), known, LISTS) == able(engine)


def test_a_task_on_top_of_a_known_model_is_known() -> None:
    own = having("LlamaForCausalLM")
    assert loads(own, replace(ODD, architecture="LlamaForSequenceClassification"))
    assert not loads(own, ODD)


def test_a_newer_engine_is_not_refused_and_an_older_one_is() -> None:
    newer = held(able("vllm", "0.99.0"), ODD, LISTS)
    assert newer.can
    assert "0.99.0) may have it" in newer.because
    assert held(able("vllm", "0.32.0+cpu"), ODD, LISTS).unlisted
    wheel, other = able("llamacpp"), able("llamacpp", "unknown", "binary")
    gguf = replace(ODD, format=Format.GGUF, architecture="never_heard")
    assert held(wheel, gguf, LISTS).unlisted
    assert held(other, gguf, LISTS).can, "of another build it is not known what it has"
    assert held(replace(other, engine="ampere"), gguf, LISTS).can
    assert not same(LISTS["infinity"], replace(able("infinity").installed, via="binary"))  # type: ignore[type-var]


def test_a_fallback_is_told() -> None:
    through = next(
        name
        for name in LISTS["transformers"].names
        if name.endswith("ForCausalLM")
        and not loads(LISTS["vllm"], replace(ODD, architecture=name))
    )
    verdict = held(able("vllm"), replace(ODD, architecture=through), LISTS)
    assert verdict.can
    assert "through transformers" in verdict.because
    missing = Verdict("vllm", False, "not installed; `pip install vllm` installs it")
    assert held(missing, replace(ODD, architecture=through), LISTS) == missing


def test_what_was_dropped_runs_on_what_still_had_it() -> None:
    lists = {"vllm": replace(LISTS["vllm"], fallback="")}
    name, until = next(iter(lists["vllm"].dropped.items()))
    gone = replace(ODD, architecture=name)
    assert held(able("vllm", until), gone, lists) == able("vllm", until)
    assert until in held(able("vllm"), gone, lists).because


def test_a_model_that_names_nothing_and_an_engine_without_a_list_pass() -> None:
    nameless = replace(ODD, architecture=None, family=None)
    assert held(able("vllm"), nameless, LISTS) == able("vllm")
    triton = Verdict("triton", True, "it can", Installed("triton", "1", ("t",), "binary"))
    assert held(triton, ODD, LISTS) == triton


def test_when_no_list_has_it_the_error_holds_the_lists() -> None:
    missing = Verdict("vllm", False, "not installed; `pip install vllm` installs it")
    gguf = Verdict("llamacpp", False, "reads GGUF files only")
    with pytest.raises(UnsupportedArchitecture, match="NeverHeardOfForCausalLM") as caught:
        choose(ODD, LINUX, [missing, gguf, able("transformers")], lists=LISTS)
    found = caught.value.facts
    assert set(found["lists"]) == {"vllm", "transformers"}
    assert found["lists"]["vllm"]["names"] == LISTS["vllm"].names
    assert set(found["refused"]) == {"vllm", "llamacpp", "transformers"}
    assert "--architectures" in caught.value.hint


def test_one_that_is_not_installed_and_has_it_is_the_hint() -> None:
    lists = {"vllm": having("NeverHeardOfForCausalLM"), "transformers": LISTS["transformers"]}
    missing = Verdict("vllm", False, "not installed; `pip install vllm` installs it")
    with pytest.raises(EngineUnsupported, match="Installed, vllm could") as caught:
        choose(ODD, LINUX, [missing, able("transformers")], lists=lists)
    assert not isinstance(caught.value, UnsupportedArchitecture)


def test_an_engine_that_was_named_is_refused_alone() -> None:
    lists = {"vllm": having("NeverHeardOfForCausalLM"), "transformers": LISTS["transformers"]}
    both = [able("vllm", "1.2"), able("transformers")]
    assert choose(ODD, LINUX, both, lists=lists).engine == "vllm"
    with pytest.raises(UnsupportedArchitecture, match="transformers does not load") as caught:
        choose(ODD, LINUX, both, "transformers", lists)
    assert set(caught.value.facts["lists"]) == {"transformers"}


def test_the_closest_names_are_of_the_same_kin() -> None:
    names = LISTS["vllm"].names
    assert "Qwen3ForCausalLM" in closest("Qwen33ForCausalLM", names)
    assert closest("NeverHeardOfForCausalLM", names) == ()
    assert choose(LLAMA, LINUX, [able("vllm")], lists=LISTS).engine == "vllm"
