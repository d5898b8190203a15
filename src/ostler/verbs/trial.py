"""Try a served model: the smallest real request of its kind, and whether the answer is one.

A server that lists a model, or says that it is healthy, may still fail at the first request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ostler.core.reasons import why
from ostler.errors import OstlerError, RequestFailed, from_code
from ostler.nouns import Task
from ostler.verbs.asking import Answer, ask


@dataclass(frozen=True, slots=True)
class Trial:
    """How the request went."""

    ok: bool
    status: int | None  # None: no answer came
    seconds: float
    what: str
    code: str | None = None  # of the error, where it was refused
    hint: str = ""  # what a server of ours says to try next

    def refusal(self, model: str) -> OstlerError:
        """Return the error for a request that failed."""
        code = self.code or RequestFailed.code
        return from_code(code, f"{model}: {self.what}", self.hint or f"ostler logs {model}")


async def trial(
    host: str,
    port: int,
    model_name: str,
    task: Task,
    *,
    chat_template: bool = True,
    key: str | None = None,
    patience: float = 120.0,
) -> Trial:
    """Send one request of the model's kind and judge the answer; never raises OSError.

    A chat model without a chat template is asked to complete a text. `key` goes into the
    Authorization header.
    """
    path, body, judge = request(model_name, task, chat_template)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    began = time.perf_counter()
    try:
        answer = await ask(host, port, "POST", path, body, headers=headers, patience=patience)
    except TimeoutError:
        return Trial(False, None, time.perf_counter() - began, f"{path}: silent for {patience:g} s")
    except OSError as error:
        return Trial(False, None, time.perf_counter() - began, f"{path}: {why(error)}")
    seconds = time.perf_counter() - began
    if answer.status != 200:
        what = f"{path} answered {answer.status}: {answer.error()}"
        named = answer.refusal()
        return Trial(False, answer.status, seconds, what, named.code, named.hint)
    ok, got = verdict(answer, judge)
    return Trial(ok, 200, seconds, f"{path} answered with {got}")


def request(
    model: str, task: Task, chat_template: bool
) -> tuple[str, dict[str, Any], Callable[[Any], str]]:
    """The path, the body, and what finds the result in an answer."""
    if task is Task.EMBED:
        return "/v1/embeddings", {"model": model, "input": "Hi"}, embedding
    if task is Task.RERANK:
        return "/v1/rerank", {"model": model, "query": "Hi", "documents": ["Hello"]}, score
    if chat_template:
        messages = [{"role": "user", "content": "Hi"}]
        asked = {"model": model, "messages": messages, "max_tokens": 1}
        return "/v1/chat/completions", asked, choice
    return "/v1/completions", {"model": model, "prompt": "Hi", "max_tokens": 1}, choice


def verdict(answer: Answer, judge: Callable[[Any], str]) -> tuple[bool, str]:
    """Whether the answer holds a result, and which."""
    try:
        return True, judge(answer.json())
    except (KeyError, IndexError, TypeError, ValueError):
        return False, f"something else than was asked for: {answer.body[:200]!r}"


def choice(said: Any) -> str:
    """One generated token, or the model's decision to say nothing."""
    said["choices"][0]["finish_reason"]
    return "a token"


def embedding(said: Any) -> str:
    """A vector of finite numbers."""
    vector = said["data"][0]["embedding"]
    if not vector or not all(isfinite(value) for value in vector):
        raise ValueError("not a vector")
    return f"a vector of {len(vector)} numbers"


def score(said: Any) -> str:
    """A finite score for the one document; SGLang's answer is a bare list."""
    bare = isinstance(said, list)
    value = float(said[0]["score"] if bare else said["results"][0]["relevance_score"])
    if not isfinite(value):
        raise ValueError("not a score")
    return f"a score of {value:.4g}"
