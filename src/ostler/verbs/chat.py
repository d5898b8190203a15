"""Talk with a served model: messages in, pieces of the answer out as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.errors import ContextTooLong, OstlerError, RequestFailed
from ostler.verbs.asking import ask, events

Message = Mapping[str, str]  # {"role": "user" | "assistant" | "system", "content": text}

# How engines say that a prompt does not fit: llama.cpp's sentence, then vLLM's and SGLang's.
TOO_LONG = ("available context size", "maximum context length", "context length exceeded")


@dataclass(frozen=True, slots=True)
class Piece:
    """A few characters of the answer, or of the thinking before it."""

    text: str
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers; `key` is sent as the bearer token."""

    host: str
    port: int
    model: str
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


async def reply(
    at: Endpoint, messages: Sequence[Message], *, max_tokens: int | None, temperature: float | None
) -> AsyncIterator[Piece]:
    """Yield the model's answer. Raises ContextTooLong, RequestFailed, and a server's refusal."""
    body = _body(at, max_tokens, temperature) | {"messages": list(messages)}
    try:
        async for said in events(
            at.host, at.port, "/v1/chat/completions", body, headers=at.headers
        ):
            for piece in _pieces(said, "delta"):
                yield piece
    except OstlerError as error:
        raise explained(error, at) from None


async def complete(
    at: Endpoint, prompt: str, *, max_tokens: int | None, temperature: float | None
) -> AsyncIterator[Piece]:
    """Yield how a model without a chat template continues a text."""
    body = _body(at, max_tokens, temperature) | {"prompt": prompt}
    try:
        async for said in events(at.host, at.port, "/v1/completions", body, headers=at.headers):
            for choice in said.get("choices") or ():
                yield Piece(choice.get("text") or "")
    except OstlerError as error:
        raise explained(error, at) from None


async def embed(at: Endpoint, text: str) -> list[float]:
    """Return the text's embedding. Raises ContextTooLong, RequestFailed, a server's refusal."""
    body = {"model": at.model, "input": text}
    answer = await ask(at.host, at.port, "POST", "/v1/embeddings", body, headers=at.headers)
    if answer.status != 200:
        raise explained(answer.refusal(), at)
    try:
        vector: list[float] = answer.json()["data"][0]["embedding"]
    except (TypeError, LookupError):
        raise RequestFailed("The engine's answer holds no embedding.") from None
    return vector


def explained(error: OstlerError, at: Endpoint) -> OstlerError:
    """Turn an engine's own words for a prompt that is too long into our refusal."""
    if isinstance(error, ContextTooLong) or any(sign in error.what for sign in TOO_LONG):
        return ContextTooLong(
            f"The prompt is longer than the context that {at.model} was started with. {error.what}",
            hint="Shorten it, or give it more room: --context TOKENS",
        )
    return error


def _body(at: Endpoint, max_tokens: int | None, temperature: float | None) -> dict[str, Any]:
    wishes = {"max_tokens": max_tokens, "temperature": temperature}
    given = {name: value for name, value in wishes.items() if value is not None}
    return {"model": at.model, "stream": True, **given}


def _pieces(said: Mapping[str, Any], part: str) -> list[Piece]:
    found = []
    for choice in said.get("choices") or ():
        delta = choice.get(part) or {}
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            found.append(Piece(thought, thinking=True))
        if text := delta.get("content"):
            found.append(Piece(text))
    return found
