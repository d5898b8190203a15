"""One timed request to an OpenAI-compatible server, of a length that was asked for."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from ssl import SSLContext
from typing import Any

from ostler.core.benchmarking import Timing
from ostler.errors import OstlerError
from ostler.nouns import Task
from ostler.verbs.asking import ask, events

PATIENCE = 600.0  # seconds that a server may be silent
LONGEST_ERROR = 100  # letters of an error that are counted as one kind
SAMPLES = (6, 24)  # words of the prompts by which the length of others is judged
WORDS = (
    *("river", "stone", "window", "garden", "letter", "music"),
    *("paper", "silver", "winter", "bread", "candle", "forest"),
)
# Tried in this order where the server refuses a request: what not every server knows.
EXTRAS: tuple[tuple[str, Any, str], ...] = (
    ("ignore_eos", True, "answers end where the model ends them (no ignore_eos)"),
    ("stream_options", {"include_usage": True}, "tokens are counted by pieces (no usage)"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    host: str
    port: int
    model: str
    prefix: str = "/v1"
    key: str = ""
    tls: SSLContext | None = None
    task: Task = Task.CHAT
    chat_template: bool = True

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class Sender:
    """Sends requests of one kind and times them."""

    def __init__(self, target: Target, output_tokens: int) -> None:
        self.target, self.output_tokens = target, output_tokens
        self.extras = {name: value for name, value, _ in EXTRAS}
        self.words = SAMPLES[0]
        self.notes: list[str] = []
        self.began = time.perf_counter()

    async def leave_out_what_is_refused(self) -> None:
        """Try a request; leave out, one after the other, what the server may not know."""
        for name, _, note in (*EXTRAS, ("", None, "")):
            tried = await self.send(-100, time.perf_counter(), output_tokens=1)
            if not tried.error.startswith(("HTTP 400", "HTTP 422")) or not name:
                return
            self.extras.pop(name)
            self.notes.append(note)

    async def judge_length(self, prompt_tokens: int) -> None:
        """Set the number of words so that a prompt has about so many tokens."""
        counts = []
        for words in SAMPLES:
            self.words = words
            tried = await self.send(-200 - words, time.perf_counter(), output_tokens=1)
            if tried.error:
                return  # the warm-up tells of it
            counts.append(tried.prompt_tokens)
        (few, many), (least, most) = counts, SAMPLES
        if few is None or many is None or many <= few:
            self.words = max(1, prompt_tokens)
            self.notes.append("prompts have so many words; how many tokens is not said")
            return
        per_word = (many - few) / (most - least)
        self.words = max(1, round((prompt_tokens - few) / per_word) + least)

    def prompt(self, number: int) -> str:
        """Words that begin differently each time, so that no server finds them in its cache."""
        draws = random.Random(number)  # noqa: S311 - no secret is made of it
        return " ".join([str(abs(number)), *draws.choices(WORDS, k=self.words)])

    async def send(self, number: int, due: float, output_tokens: int | None = None) -> Timing:
        """Send one request; return its times, also where it failed."""
        path, body = self.request(number, output_tokens or self.output_tokens)
        sent = time.perf_counter()
        timing = Timing(due - self.began, sent - self.began)
        try:
            if self.target.task is Task.CHAT:
                timing = await self.streamed(path, body, timing)
            else:
                timing = await self.whole(path, body, timing)
        except (OstlerError, OSError) as error:
            timing = replace(timing, error=said(error))
        return replace(timing, end=timing.end or time.perf_counter() - self.began)

    def request(self, number: int, output_tokens: int) -> tuple[str, dict[str, Any]]:
        """The path and the body."""
        target, prompt = self.target, self.prompt(number)
        if target.task is Task.EMBED:
            return "/embeddings", {"model": target.model, "input": prompt}
        if target.task is Task.RERANK:
            return "/rerank", {"model": target.model, "query": "winter", "documents": [prompt]}
        asked = {"model": target.model, "max_tokens": output_tokens, "stream": True,
                 "temperature": 0, **self.extras}  # fmt: skip
        if target.chat_template:
            return "/chat/completions", {**asked, "messages": [{"role": "user", "content": prompt}]}
        return "/completions", {**asked, "prompt": prompt}

    async def streamed(self, path: str, body: Mapping[str, Any], timing: Timing) -> Timing:
        """Time the pieces of an answer as they come."""
        at = self.target
        stamps: list[float] = []
        usage: Mapping[str, Any] = {}
        pieces: AsyncIterator[dict[str, Any]] = events(
            at.host, at.port, at.prefix + path, body, headers=at.headers, patience=PATIENCE,
            tls=at.tls,
        )  # fmt: skip
        async for event in pieces:
            usage = event.get("usage") or usage
            if has_text(event):
                stamps.append(time.perf_counter() - self.began)
        if not stamps:
            return replace(timing, error="an answer without a token")
        gaps = tuple(later - before for before, later in pairwise(stamps))
        return replace(
            timing, first=stamps[0], end=stamps[-1], gaps=gaps,
            prompt_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens") or len(stamps),
        )  # fmt: skip

    async def whole(self, path: str, body: Mapping[str, Any], timing: Timing) -> Timing:
        """Time an answer that comes as one."""
        at = self.target
        answer = await ask(
            at.host, at.port, "POST", at.prefix + path, body, headers=at.headers,
            patience=PATIENCE, tls=at.tls,
        )  # fmt: skip
        end = time.perf_counter() - self.began
        if answer.status != 200:
            return replace(timing, error=f"HTTP {answer.status}: {answer.error()}"[:LONGEST_ERROR])
        usage = (answer.json() or {}).get("usage") or {}
        tokens = usage.get("prompt_tokens") or usage.get("total_tokens")
        return replace(timing, first=end, end=end, prompt_tokens=tokens, output_tokens=0)


def has_text(event: Mapping[str, Any]) -> bool:
    """Say whether a piece of an answer carries some of it, thinking included."""
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning"):
            return True
        if choice.get("text"):
            return True
    return False


def said(error: Exception) -> str:
    """The kind of an error, short enough to be counted."""
    if isinstance(error, OstlerError):
        status = error.facts.get("status")
        words = error.what.removeprefix("The engine refused: ")
        return (f"HTTP {status}: {words}" if status else words)[:LONGEST_ERROR]
    if isinstance(error, TimeoutError):
        return f"silent for {PATIENCE:g} s"
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
