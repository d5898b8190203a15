"""What is said of a Triton repository: each finding with its place, its level and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.seed_triton import ARGUMENTS, CONFIG

from ostler.core.triton import finding
from ostler.core.triton.check import check
from ostler.core.triton.finding import FAIL, WARN, Finding, Tree
from ostler.core.triton.pbtxt import BadText, Message, Word, parse
from ostler.core.triton.repository import CONFIG as OURS
from ostler.core.triton.repository import files
from ostler.nouns import Format, ModelFacts, Served, Task, Workload

FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16")
MODEL = Served("acme/tiny", "/views/t", "/views/t/a", Task.CHAT, FACTS)
RIGHT: Mapping[str, str] = files(MODEL, Workload(4096, 8), "26.07", "one")
GOOD = {"model": "/w", "gpu_memory_utilization": 0.9, "max_model_len": 4096}


def tree(
    texts: Mapping[str, str] = RIGHT, folders: tuple[str, ...] = (), target: str = finding.WEIGHTS,
    weights: Mapping[str, int] | None = None,
) -> Tree:  # fmt: skip
    found = {"/".join(path.split("/")[:depth]) for path in texts for depth in (1, 2)}
    places = {one for one in found if one not in texts} | set(folders)
    sizes = {path: len(text) for path, text in texts.items()} | dict(weights or {})
    return Tree(frozenset(places), sizes, texts, {"one/1/model.json": target})


def codes(found: tuple[Finding, ...]) -> dict[str, str]:
    assert all(one.what and one.do for one in found)
    return {one.code: one.level for one in found}


def of(config: str = OURS, target: str = finding.WEIGHTS, **said: object) -> dict[str, str]:
    texts = {"one/config.pbtxt": config, "one/1/model.json": json.dumps(GOOD | said)}
    return codes(check(tree(texts, target=target)))


def test_what_we_write_has_no_fault() -> None:
    assert check(tree()) == ()


def test_the_seed_s_own_tree() -> None:
    """Its weights lie among the versions, its flags are those of an old vLLM."""
    texts = {"one/config.pbtxt": CONFIG, "one/1/model.json": ARGUMENTS}
    weights = {"one/Llama-2-7b-hf/model.safetensors": 13 * 10**9}
    found = check(tree(texts, ("one/Llama-2-7b-hf",), finding.ABSENT, weights))
    assert codes(found) == {
        "no_weights": FAIL,
        "not_a_version": WARN,
        "weights_inside": WARN,
        "stream_needed": WARN,
        "old_flag": WARN,
        "text_for_boolean": WARN,
        "utilization": WARN,
        "no_context": WARN,
    }
    (passed_over,) = [one for one in found if one.code == "not_a_version"]
    assert passed_over.path == "one/Llama-2-7b-hf"


def test_ours_is_the_seed_s_with_its_corrections() -> None:
    """config.pbtxt: `stream` is optional. model.json: numbers, booleans, a context, no weights."""
    seed, ours = parse(CONFIG), parse(OURS)
    stream = next(one for one in seed.messages("input") if one.last("name") == "stream")
    assert stream.last("optional") is None
    stream.fields["optional"] = [Word("true")]
    assert ours == seed

    said = json.loads(files(MODEL, Workload(4096, 8), "24.05", "one")["one/1/model.json"])
    before = json.loads(ARGUMENTS)
    assert before["disable_log_requests"] == "true"
    assert said["disable_log_requests"] is True
    assert before["gpu_memory_utilization"] == 1
    assert said["gpu_memory_utilization"] <= 0.95
    assert set(said) - set(before) == {"max_model_len", "max_num_seqs"}


@pytest.mark.parametrize(
    ("said", "code", "level"),
    [
        ({"gpu_memory_utilization": 0.96}, "utilization", WARN),
        ({"gpu_memory_utilization": 1.5}, "utilization", FAIL),
        ({"gpu_memory_utilization": "0.9"}, "utilization", FAIL),
        ({"tensor_parallel_size": 0}, "split", FAIL),
        ({"tensor_parallel_size": "2"}, "split", FAIL),
        ({"enforce_eager": "true"}, "text_for_boolean", WARN),
        ({"enforce_eager": "False"}, "text_for_boolean", FAIL),
        ({"disable_log_requests": True}, "old_flag", WARN),
        ({"trust_remote_code": True}, "remote_code", WARN),
        ({"hf_token": "x"}, "token", FAIL),
        ({"tokenizer": "hf_" + "a" * 34}, "token", FAIL),
        ({"model": ""}, "no_model", FAIL),
        ({"max_model_len": None}, "no_context", WARN),
    ],
)
def test_an_argument_that_is_wrong(said: dict[str, object], code: str, level: str) -> None:
    assert of(**said) == {code: level}


@pytest.mark.parametrize(
    ("target", "code", "level"),
    [
        (finding.ABSENT, "no_weights", FAIL),
        (finding.NO_CONFIG, "not_transformers", FAIL),
        (finding.RAW, "raw_checkpoint", FAIL),
        (finding.HUB, "fetched_at_start", WARN),
        (finding.RELATIVE, "relative_path", WARN),
    ],
)
def test_a_path_that_leads_elsewhere(target: str, code: str, level: str) -> None:
    assert of(target=target) == {code: level}


def test_several_gpus_want_kind_model() -> None:
    by_gpu = OURS.replace("KIND_MODEL", "KIND_GPU")
    assert of(by_gpu, tensor_parallel_size=2) == {"kind_model": FAIL}
    assert of(by_gpu, pipeline_parallel_size=2) == {"kind_model": FAIL}
    assert of(by_gpu) == {}
    assert of(tensor_parallel_size=2) == {}


@pytest.mark.parametrize(
    ("before", "after", "code", "level"),
    [
        ("decoupled: True", "decoupled: False", "not_decoupled", FAIL),
        ("decoupled: True", "", "decoupled_unsaid", WARN),
        ("max_batch_size: 0", "max_batch_size: 4", "batched", FAIL),
        ("count: 1", "count: 2", "many_instances", WARN),
        ('"vllm"', '"vllm" name: "two"', "other_name", FAIL),
        ("TYPE_BOOL", "TYPE_BOOLEAN", "unknown_type", FAIL),
        ("KIND_MODEL", "KIND_TPU", "unknown_kind", FAIL),
        ("{", "{{", "not_a_config", FAIL),
    ],
)
def test_a_configuration_that_is_wrong(before: str, after: str, code: str, level: str) -> None:
    assert of(OURS.replace(before, after, 1)) == {code: level}


def test_folders_that_are_no_models() -> None:
    assert codes(check(tree(folders=("lost+found",)))) == {"not_a_model": FAIL}
    assert codes(check(Tree(frozenset()))) == {"no_models": FAIL}
    assert codes(check(tree(folders=("two", "two/1")))) == {"no_config": FAIL}


def test_a_token_in_a_clone_is_found_and_not_repeated() -> None:
    text = '[remote "origin"]\n\turl = https://anna:hf_secret@huggingface.co/meta-llama/x\n'
    found = check(tree({**RIGHT, "one/1/weights/.git/config": text}))
    assert codes(found) == {"token_in_clone": FAIL}
    assert "hf_secret" not in repr(found)


@given(st.text())
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        assert isinstance(parse(text), Message)
    except BadText as refused:
        line, column, _ = str(refused).split(":", 2)
        assert int(line) >= 1
        assert int(column) >= 1


names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
scalars = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.text(st.characters(exclude_categories=("Cc", "Cs"))),
    st.from_regex(r"[A-Z_]{1,8}", fullmatch=True).map(Word),
)
messages = st.recursive(
    st.builds(Message, st.dictionaries(names, st.lists(scalars, min_size=1, max_size=3))),
    lambda inner: st.builds(
        Message, st.dictionaries(names, st.lists(scalars | inner, min_size=1, max_size=3))
    ),
    max_leaves=8,
)


def spelt(value: object) -> str:
    """Write a value as protobuf does."""
    if isinstance(value, Message):
        return "{ " + fields(value) + " }"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value.name if isinstance(value, Word) else repr(value)


def fields(message: Message) -> str:
    return "\n".join(
        f"{name}: {spelt(one)}" for name, values in message.fields.items() for one in values
    )


@given(messages)
def test_what_is_written_is_read_back(message: Message) -> None:
    assert parse(fields(message)) == message
