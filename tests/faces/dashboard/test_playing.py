"""The playground as values: turns of a conversation, settings, vectors, ranks, programs."""

from __future__ import annotations

import json
import math
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.errors import RequestFailed, UsageError
from ostler.faces.dashboard.playing import chat, models, snippets, vectors
from ostler.faces.dashboard.playing.chat import Settings, Talk, Turn
from ostler.faces.dashboard.tree import html


def piece(text: str = "", **more: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, **more}]}


def usage(tokens: int, rate: float | None = None) -> dict[str, Any]:
    timings = {"timings": {"predicted_per_second": rate}} if rate else {}
    return {"choices": [], "usage": {"completion_tokens": tokens}, **timings}


# --- a conversation ------------------------------------------------------------------------------


def test_an_answer_is_what_came_and_how_fast() -> None:
    turn = Turn("Count", asked=10.0)
    assert turn.state == "waiting"
    for at, word in enumerate(("one ", "two ", "three ", "four ", "five")):
        turn.take(piece(word), 10.5 + at * 0.1)
    assert turn.state == "streaming"
    turn.take(piece(finish_reason="length"), 11.0)
    turn.take(usage(9), 11.1)
    turn.end()
    assert (turn.text, turn.state, turn.tokens, turn.limit) == (
        "one two three four five", "done", 9, True,
    )  # fmt: skip
    assert turn.seconds_to_first == pytest.approx(0.5)
    assert turn.rate == pytest.approx(8 / 0.4)


@pytest.mark.parametrize(
    ("pieces", "said", "rate"),
    [
        (1, usage(7, 3000.0), 3000.0),  # all at once: the engine knows better
        (1, usage(7), None),
        (1, usage(2, 3000.0), None),  # so few say nothing
        (0, usage(0), None),
    ],
)
def test_a_rate_is_said_where_there_is_one(
    pieces: int, said: dict[str, Any], rate: float | None
) -> None:
    turn = Turn("x", asked=0.0)
    for _ in range(pieces):
        turn.take(piece("words"), 1.0)
    turn.take(said, 1.0)
    assert turn.rate == rate


def test_what_a_model_thinks_is_no_part_of_its_answer() -> None:
    turn = Turn("x", asked=0.0)
    turn.take({"choices": [{"delta": {"reasoning_content": "hm"}}]}, 1.0)
    turn.take(piece("yes"), 2.0)
    assert (turn.thought, turn.text, turn.seconds_to_first) == ("hm", "yes", 1.0)


def test_an_error_in_the_stream_keeps_what_has_come() -> None:
    turn = Turn("x", asked=0.0)
    turn.take(piece("half"), 1.0)
    turn.take({"error": {"message": "The engine ended."}}, 2.0)
    turn.end()
    turn.stop()
    assert (turn.state, turn.wrong, turn.text) == ("failed", "The engine ended.", "half")


def test_the_next_question_brings_what_was_said_before() -> None:
    talk = Talk("m")
    first = talk.ask("a", 0.0)
    first.take(piece("b"), 1.0)
    first.stop()
    talk.ask("lost", 2.0).fail("gone", 3.0)
    talk.ask("c", 4.0)
    body = talk.body(Settings(system="s", temperature=0.0, seed=0))
    assert [(one["role"], one["content"]) for one in body["messages"]] == [
        ("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip
    assert (body["temperature"], body["seed"]) == (0.0, 0)
    assert "max_tokens" not in body


@given(st.lists(st.sampled_from(["answer", "fail", "stop"]), max_size=30))
def test_roles_take_turns_and_a_question_is_last(ends: list[str]) -> None:
    talk = Talk("m")
    for end in ends:
        turn = talk.ask("q", 0.0)
        if end != "fail":
            turn.take(piece("a"), 1.0)
        {"answer": turn.end, "stop": turn.stop, "fail": lambda t=turn: t.fail("w", 1.0)}[end]()
    talk.ask("q", 2.0)
    roles = [one["role"] for one in talk.messages(Settings())]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert talk.going is talk.turns[-1]


def test_a_conversation_and_a_message_have_an_end() -> None:
    talk = Talk("m")
    for _ in range(chat.MOST_TURNS + 5):
        talk.ask("q", 0.0).end()
    assert len(talk.turns) == chat.MOST_TURNS
    with pytest.raises(UsageError, match="the most here"):
        talk.ask("x" * (chat.LONGEST + 1), 0.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temperature": "hot"}, "Temperature is no number: 'hot'"),
        ({"temperature": "3"}, "Temperature is 3; it may be 0 to 2"),
        ({"temperature": "nan"}, "Temperature is nan"),
        ({"max_tokens": "0"}, "Max tokens is 0; it may be 1 to"),
        ({"max_tokens": "1.5"}, "it is a whole number"),
        ({"seed": "-1"}, "Seed is -1"),
    ],
)
def test_a_setting_that_cannot_be_is_said(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        chat.settings(given)
    assert said in refused.value.what


def test_an_empty_setting_is_the_engines_own() -> None:
    assert chat.settings({"temperature": " ", "seed": "", "system": " be brief "}) == Settings(
        system="be brief"
    )


# --- models --------------------------------------------------------------------------------------


def test_ready_models_come_first_and_others_say_what_they_wait_for() -> None:
    said = {
        "data": [
            {"id": "b", "state": "starting", "task": "chat", "eta_seconds": 12.4},
            {"id": "c", "state": "ready", "task": "chat", "aliases": ["gpt-4"]},
            {"id": "d", "state": "ready", "task": "embed"},
            {"id": "a", "state": "stopped"},
        ]
    }
    found = models.listed(said, "chat")
    assert [one.id for one in found] == ["c", "a", "b"]
    assert models.found(found, "gpt-4") is found[0]
    assert models.said_of(found[0]) == ""
    assert "the first message loads it" in models.said_of(found[1])
    assert models.said_of(found[2]) == "It is being loaded: about 12 s left."
    assert models.waiting_for(found[2]) == "The model is being loaded: about 12 s left"
    assert "no longer here" in models.said_of(None)
    assert "ostler pull" in html(models.none("chat", operates=True))
    assert "ostler pull" not in html(models.none("chat", operates=False))


# --- vectors and ranks ---------------------------------------------------------------------------

numbers = st.floats(-100, 100, allow_nan=False)
pairs = st.integers(1, 8).flatmap(
    lambda size: st.tuples(*[st.lists(numbers, min_size=size, max_size=size)] * 2)
)


@given(pairs)
def test_a_cosine_is_one_for_itself_and_the_same_both_ways(
    pair: tuple[list[float], list[float]],
) -> None:
    one, other = pair
    assert vectors.cosine(one, other) == pytest.approx(vectors.cosine(other, one))
    assert -1 <= vectors.cosine(one, other) <= 1
    if math.hypot(*one) > 1e-6:
        assert vectors.cosine(one, one) == pytest.approx(1)
        assert vectors.cosine(one, [-value for value in one]) == pytest.approx(-1)


def test_vectors_are_taken_in_the_order_of_the_lines() -> None:
    said = {
        "data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}],
        "usage": {"prompt_tokens": 4},
    }
    found = vectors.embedded("m", ["a", "b"], said, 0.5)
    assert (found.vectors, found.size, found.tokens) == (((1, 0), (0, 1)), 2, 4)
    assert found.table() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}] * 2},
    ],
)
def test_an_answer_of_another_shape_is_said(said: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed):
        vectors.embedded("m", ["a", "b"], said, 0.1)


def test_the_best_document_is_first() -> None:
    rows = [{"index": 0, "relevance_score": 0.1}, {"index": 2, "relevance_score": 0.9},
            {"index": 1, "relevance_score": 0.1}]  # fmt: skip
    found = vectors.ranked("m", "q", ["a", "b", "c"], {"results": rows}, 0.1)
    assert [one.document for one in found.found] == ["c", "a", "b"]
    with pytest.raises(RequestFailed):
        vectors.ranked("m", "q", ["a"], {"results": [{"index": 7, "relevance_score": 1}]}, 0.1)


def test_lines_that_say_nothing_are_none() -> None:
    assert vectors.lines(" a \n\n b", 2, "line") == ("a", "b")
    with pytest.raises(UsageError, match="There is no line"):
        vectors.lines(" \n", 2, "line")
    with pytest.raises(UsageError, match="3 lines are too many here; 2 are the most"):
        vectors.lines("a\nb\nc", 2, "line")


# --- as programs ---------------------------------------------------------------------------------


questions = st.text("'\"\\$`!\nx ", max_size=12) | st.text(max_size=40)


@given(questions, st.booleans())
def test_whatever_is_asked_stays_one_word_of_the_shell(text: str, has_key: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    command = snippets.curl("http://127.0.0.1:1", "/v1/chat/completions", body, has_key)
    words = shlex.split(command)
    assert (words[0], words[-2], json.loads(words[-1])) == ("curl", "-d", body)
    assert ("Authorization: Bearer $OSTLER_API_KEY" in words) is has_key


@given(questions, st.booleans())
def test_whatever_is_asked_is_python(text: str, has_key: bool) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": text}]},
        "/v1/embeddings": {"model": "m", "input": [text]},
        "/v1/rerank": {"model": "m", "query": text, "documents": [text]},
    }
    for path, body in bodies.items():
        program = snippets.python("http://127.0.0.1:1", path, body, has_key)
        compile(program, path, "exec")
        assert ('os.environ["OSTLER_API_KEY"]' in program) is has_key
