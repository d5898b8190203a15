"""Choosing an engine: the rules of the table, the user's own choice, and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.choosing import RULES, best_device, choose, pick
from ostler.errors import EngineUnsupported
from ostler.nouns import Choice, Format, Hardware, Installed, ModelFacts, Task, Verdict
from ostler.testing.engines import MACHINES, every_kind_of_model

LINUX, ARM, NVIDIA, AMD, MAC, WINDOWS = MACHINES
NAMES = ("llamacpp", "ampere", "transformers", "vllm", "sglang", "mlx", "infinity")
AMPERE = replace(ARM, cpu="Ampere(R) Altra(R) Processor")
FACTS = ModelFacts(Format.SAFETENSORS, "llama", Task.CHAT, 10, 100, "BF16")


def able(name: str) -> Verdict:
    return Verdict(name, True, "it can", Installed(name, "1", (name,), "binary"))


def unable(name: str, because: str = "it cannot") -> Verdict:
    return Verdict(name, False, because)


ALL_CAN = tuple(able(name) for name in NAMES)


@pytest.mark.parametrize(
    ("format", "machine", "task", "engine"),
    [
        (Format.GGUF, MAC, Task.CHAT, "llamacpp"),
        (Format.GGUF, LINUX, Task.EMBED, "llamacpp"),
        (Format.GGUF, NVIDIA, Task.CHAT, "llamacpp"),
        (Format.GGUF, ARM, Task.RERANK, "llamacpp"),
        (Format.SAFETENSORS, MAC, Task.CHAT, "mlx"),
        (Format.SAFETENSORS, NVIDIA, Task.CHAT, "vllm"),
        (Format.SAFETENSORS, AMD, Task.CHAT, "vllm"),
        (Format.SAFETENSORS, LINUX, Task.CHAT, "transformers"),
        (Format.GGUF, AMPERE, Task.CHAT, "ampere"),
        (Format.SAFETENSORS, LINUX, Task.EMBED, "infinity"),
        (Format.SAFETENSORS, NVIDIA, Task.RERANK, "vllm"),
        (Format.SAFETENSORS, WINDOWS, Task.CHAT, "transformers"),
        (Format.PYTORCH, AMD, Task.CHAT, "vllm"),
    ],
)
def test_the_table(format: Format, machine: Hardware, task: Task, engine: str) -> None:
    facts = replace(FACTS, format=format, task=task)
    assert choose(facts, machine, ALL_CAN).engine == engine


def test_a_preferred_engine_that_is_not_installed_is_listed_with_its_reason() -> None:
    verdicts = [able("transformers"), unable("llamacpp", "GGUF only"), unable("vllm", "not here")]
    choice = choose(FACTS, NVIDIA, verdicts)
    assert choice.engine == "transformers"
    assert "NVIDIA" in choice.rule
    said = {verdict.engine: verdict.because for verdict in choice.verdicts}
    assert said == {"vllm": "not here", "transformers": "it can", "llamacpp": "GGUF only"}
    assert next(iter(said)) == "vllm", "what the rule prefers comes first"


def test_an_override_is_obeyed() -> None:
    choice = choose(FACTS, NVIDIA, ALL_CAN, wanted="transformers")
    assert (choice.engine, choice.rule) == ("transformers", "you named it")
    assert len(choice.verdicts) == len(NAMES)


@pytest.mark.parametrize(
    ("wanted", "format", "machine", "because"),
    [
        ("llamacpp", Format.SAFETENSORS, LINUX, "it cannot"),
        ("gpt5", Format.GGUF, LINUX, "knows no engine called 'gpt5'"),
    ],
)
def test_an_impossible_override_is_refused_with_its_reason(
    wanted: str, format: Format, machine: Hardware, because: str
) -> None:
    verdicts = [unable("llamacpp"), able("transformers")]
    with pytest.raises(EngineUnsupported, match=because) as caught:
        choose(replace(FACTS, format=format), machine, verdicts, wanted)
    assert caught.value.hint


def test_when_nobody_can_every_reason_is_told() -> None:
    facts = replace(FACTS, task=Task.EMBED)
    verdicts = [unable("llamacpp", "GGUF only"), unable("transformers", "no endpoint")]
    with pytest.raises(EngineUnsupported) as caught:
        choose(facts, LINUX, verdicts)
    for reason in ("GGUF only", "no endpoint"):
        assert reason in caught.value.what
    assert "GGUF" in caught.value.hint


def test_a_missing_installation_is_the_hint() -> None:
    missing = unable("transformers", "not installed; `ostler engine install transformers`")
    for wanted in (None, "transformers"):
        with pytest.raises(EngineUnsupported) as caught:
            choose(FACTS, LINUX, [missing], wanted)
        assert "ostler engine install transformers" in caught.value.hint


@given(
    st.sampled_from(every_kind_of_model()),
    st.sampled_from(MACHINES),
    st.sets(st.sampled_from(NAMES)),
)
def test_the_choice_is_one_that_can_and_nobody_is_left_out(
    facts: ModelFacts, machine: Hardware, can: set[str]
) -> None:
    verdicts = [able(name) if name in can else unable(name) for name in NAMES]
    if not can:
        with pytest.raises(EngineUnsupported) as refused:
            choose(facts, machine, verdicts)
        assert all(name in refused.value.what for name in NAMES)
        return
    choice = choose(facts, machine, verdicts)
    assert choice.engine in can
    assert choice.installed.engine == choice.engine
    assert {verdict.engine for verdict in choice.verdicts} == set(NAMES)
    preferred = next(rule for rule in RULES if rule.because == choice.rule).engines
    better = preferred[: preferred.index(choice.engine)] if choice.engine in preferred else ()
    assert not can & set(better)


def test_every_engine_that_a_rule_names_is_known() -> None:
    named = {name for rule in RULES for name in rule.engines}
    assert named <= set(NAMES)


def test_the_wheel_is_taken_on_a_processor_and_the_binary_on_a_gpu() -> None:
    wheel = Installed("llamacpp", "1", ("python",), "wheel")
    binary = Installed("llamacpp", "unknown", ("llama-server",), "binary")
    assert pick([binary, wheel], "llamacpp", LINUX) == wheel
    assert pick([wheel, binary], "llamacpp", NVIDIA) == binary
    assert pick([wheel], "llamacpp", NVIDIA) == wheel
    assert pick([wheel], "vllm", NVIDIA) is None
    assert (best_device(MAC), best_device(LINUX)) == ("apple", "cpu")


def test_a_choice_is_the_same_every_time() -> None:
    first: Choice = choose(FACTS, NVIDIA, ALL_CAN)
    assert choose(FACTS, NVIDIA, ALL_CAN) == first
