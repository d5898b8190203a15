"""The one scale of rerankers: whatever an engine applies by itself, the sigmoid is taken once."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, tanh
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import scores
from ostler.core.facts import facts
from ostler.nouns import Format, ModelFacts, Scores, Task

OLD, NEW = scores.OLD_ACTIVATION, scores.ACTIVATION
SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"
TANH = "torch.nn.modules.activation.Tanh"
RERANKER = {"architectures": ["XLMRobertaForSequenceClassification"], "id2label": {"0": "x"}}
Function = Callable[[float], float]


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def itself(x: float) -> float:
    return x


BY_NAME: dict[str, Function] = {SIGMOID: sigmoid, IDENTITY: itself, TANH: tanh}


def of(config: dict[str, Any]) -> ModelFacts:
    found = facts(Format.SAFETENSORS, [], {**RERANKER, **config})
    assert found.task is Task.RERANK
    return found


def sglang(config: dict[str, Any]) -> Function:
    """As SGLang 0.5.23 chooses it."""
    return BY_NAME[config.get(OLD) or IDENTITY]


def vllm(config: dict[str, Any]) -> Function:
    """As vLLM 0.32.0 chooses it, for one label."""
    if config.get("problem_type") == "regression":
        return itself
    if config.get("problem_type"):
        return sigmoid
    own = config.get("sentence_transformers", {})
    return BY_NAME[own[NEW] if NEW in own else config.get(OLD) or SIGMOID]


names = st.sampled_from([SIGMOID, IDENTITY])
configs = st.fixed_dictionaries(
    {},
    optional={
        OLD: st.none() | names,
        "sentence_transformers": st.fixed_dictionaries({"version": st.just("5.0")})
        | st.fixed_dictionaries({NEW: names}),
        "problem_type": st.sampled_from(
            [None, "regression", "single_label_classification", "multi_label_classification"]
        ),
    },
)
ENGINES = [(sglang, scores.of_sglang), (vllm, scores.of_vllm)]


@pytest.mark.parametrize(("engine", "ours"), ENGINES)
@given(config=configs, x=st.floats(-20, 20))
def test_the_sigmoid_is_taken_once(
    engine: Any, ours: Any, config: dict[str, Any], x: float
) -> None:
    said = engine(config)(x)
    told = sigmoid(said) if ours(of(config)) is Scores.LOGITS else said
    assert told == sigmoid(x)


@pytest.mark.parametrize(("engine", "ours"), ENGINES)
def test_another_scale_of_the_maker_s_is_left_alone(engine: Any, ours: Any) -> None:
    assert engine({OLD: TANH}) is tanh
    assert ours(of({OLD: TANH})) is not Scores.LOGITS


def test_sglang_s_list_is_one_whatever_is_in_it() -> None:
    assert scores.of_sglang(of({OLD: SIGMOID})) is Scores.LIST


def test_llamacpp_gives_what_comes_out_but_of_the_family_that_says_yes_or_no() -> None:
    raw = ModelFacts(Format.GGUF, "bert", Task.RERANK, 1, 1, "F32", family="bert")
    assert scores.of_llamacpp(raw) is Scores.LOGITS
    for family in ("qwen3", "qwen3vl"):
        probable = ModelFacts(Format.GGUF, family, Task.RERANK, 1, 1, "F32", family=family)
        assert scores.of_llamacpp(probable) is Scores.GIVEN


@given(
    st.dictionaries(
        st.sampled_from([OLD, "sentence_transformers", "problem_type"]),
        st.none() | st.integers() | st.lists(st.text()) | st.just({NEW: 3}),
    )
)
def test_nonsense_in_a_config_names_nothing(config: dict[str, Any]) -> None:
    assert of(config).score_functions == ()
