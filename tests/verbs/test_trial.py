"""Trying a served model: what counts as an answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from ostler.nouns import Task
from ostler.verbs.asking import Answer
from ostler.verbs.trial import request, trial, verdict

GOOD = {
    Task.CHAT: {"choices": [{"finish_reason": "length", "message": {"content": ""}}]},
    Task.EMBED: {"data": [{"embedding": [0.1, -0.2]}]},
    Task.RERANK: {"results": [{"relevance_score": -3.5, "index": 0}]},
}


def judged(task: Task, body: object) -> bool:
    judge = request("acme/tiny", task, True)[2]
    return verdict(Answer(200, {}, json.dumps(body).encode()), judge)[0]


@pytest.mark.parametrize("task", list(Task))
def test_an_answer_of_the_right_kind(task: Task) -> None:
    assert judged(task, GOOD[task])
    assert not any(judged(task, GOOD[other]) for other in Task if other is not task)


@pytest.mark.parametrize(
    ("task", "body"),
    [
        (Task.CHAT, {"choices": []}),
        (Task.CHAT, {"error": "no"}),
        (Task.CHAT, None),
        (Task.EMBED, {"data": [{"embedding": []}]}),
        (Task.EMBED, {"data": [{"embedding": [float("nan")]}]}),
        (Task.EMBED, {"data": [{"embedding": [None]}]}),
        (Task.RERANK, {"results": [{"relevance_score": None}]}),
        (Task.RERANK, {"results": [{"relevance_score": float("inf")}]}),
        (Task.RERANK, []),
    ],
)
def test_something_else_is_no_answer(task: Task, body: object) -> None:
    assert not judged(task, body)


def test_a_model_without_a_chat_template_completes() -> None:
    path, body, _ = request("acme/base", Task.CHAT, False)
    assert path == "/v1/completions"
    assert body["prompt"]
    assert body["max_tokens"] == 1


def test_nobody_there_is_a_failed_trial() -> None:
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async def story() -> None:
        async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            silent = await trial("127.0.0.1", port, "x", Task.CHAT, patience=0.05)
            await gone.wait()
        dead = await trial("127.0.0.1", port, "x", Task.CHAT)
        assert (silent.ok, silent.status) == (dead.ok, dead.status) == (False, None)
        assert "silent for 0.05 s" in silent.what
        assert dead.seconds >= 0

    asyncio.run(story())
