"""Laws of reading and changing `model` in a body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway.body import (
    BETWEEN_STRINGS,
    model_of,
    one_scale,
    renamed,
    tokens_in,
)

names = st.text(min_size=1, max_size=8).filter(lambda t: t.encode("utf-8", "ignore").decode() == t)
tricky = st.sampled_from(["model", "m", '"', "\\", "a\\", ":", '"model":"m"', " ", "1"]) | names
values = st.recursive(
    st.none() | st.booleans() | st.integers() | tricky,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(tricky, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    """A JSON object with a model somewhere in it, spelt in one of several ways."""
    before = draw(st.dictionaries(tricky, values, max_size=4))
    after = draw(st.dictionaries(tricky, values, max_size=4))
    before.pop("model", None)
    after.pop("model", None)
    model = draw(tricky.filter(lambda name: not name.lstrip(" ").startswith(BETWEEN_STRINGS)))
    whole = {**before, "model": model, **after}
    style = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    text = json.dumps(whole, separators=style, ensure_ascii=draw(st.booleans()))
    return text.encode(), model


@given(bodies())
def test_the_model_is_the_one_a_full_reading_finds(case: tuple[bytes, str]) -> None:
    body, model = case
    assert model_of(body) == model


@given(bodies(), tricky)
def test_renaming_changes_the_model_and_nothing_else(case: tuple[bytes, str], new: str) -> None:
    body, model = case
    after = renamed(body, new)
    assert json.loads(after) == {**json.loads(body), "model": new}
    longest = max(len(json.dumps(model)), len(json.dumps(model, ensure_ascii=False).encode()))
    assert equal_at_start(body, after) + equal_at_start(body[::-1], after[::-1]) >= (
        len(body) - longest
    )


def equal_at_start(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def test_a_key_spelt_like_the_model_is_left_alone() -> None:
    assert renamed(b'{"model" : "model", "x": {"model": "model"}}', "n") == (
        b'{"model" : "n", "x": {"model": "model"}}'
    )


def test_a_body_that_repeats_the_name_a_million_times_takes_one_pass() -> None:
    body = b'{"input":[' + b'"m",' * 1_000_000 + b'"m"],"model":"m"}'
    assert renamed(body, "longer").endswith(b'"m"],"model":"longer"}')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nothing",
        b'{"model": 3}',
        b'{"model": "a"} x',
        b'{"model":"\xff"}',
        b'{"model":" :"}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"model":"a"}',
    ],
)
def test_what_is_no_json_object_with_a_text_for_model_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        model_of(body)


def test_no_model_is_none() -> None:
    assert model_of(b"{}") is None
    assert model_of(b'{"model": null}') is None


@given(st.binary(max_size=200))
def test_any_end_of_an_answer_can_be_searched_for_its_tokens(tail: bytes) -> None:
    tokens_in(tail)
    tokens_in(tail + b'"usage": {"prompt_tokens"' + tail)


def test_tokens_are_read_from_the_last_usage() -> None:
    tail = b'{"usage": {"prompt_tokens": 1}} ... "usage":{"completion_tokens":34,"prompt_tokens":5}'
    assert tokens_in(tail) == (5, 34)
    assert tokens_in(b'"usage":{"input_tokens":5,"output_tokens":6}') == (5, 6)
    assert tokens_in(b'"usage":{"prompt_tokens":5,"input_tokens":6}') == (5, None)
    assert tokens_in(b'data: {"usage": null}') == (None, None)
    assert tokens_in(b"nothing of the kind") == (None, None)


def test_sglang_s_list_of_scores_becomes_what_all_others_answer() -> None:
    """As 0.5.23 answers: the best first, raw scores, and the text where it was asked for."""
    best = {"score": 0.0, "document": "a cat", "index": 1, "meta_info": {"id": "x"}}
    answer = json.dumps([best, {"score": -800.0, "index": 0}]).encode()
    said = json.loads(one_scale(answer, logits=True))
    assert said == {
        "results": [
            {"index": 1, "relevance_score": 0.5, "document": {"text": "a cat"}},
            {"index": 0, "relevance_score": 0.0},
        ]
    }


def test_a_list_of_scores_on_the_scale_keeps_them() -> None:
    answer = json.dumps([{"score": 0.25, "index": 1}, {"score": 0.0, "index": 0}]).encode()
    assert json.loads(one_scale(answer, logits=False)) == {
        "results": [
            {"index": 1, "relevance_score": 0.25},
            {"index": 0, "relevance_score": 0.0},
        ]
    }


@pytest.mark.parametrize("other", [b"[]x", b"[1]", b'[{"index": 0}]', b'{"data": []}', b"3"])
def test_what_is_no_rerank_answer_is_left_alone(other: bytes) -> None:
    assert one_scale(other, logits=True) == one_scale(other, logits=False) == other
