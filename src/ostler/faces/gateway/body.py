"""What a JSON body says, read with as little work as possible; pure."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

import msgspec


class _Named(msgspec.Struct):
    model: str | None = None


class _Streamed(msgspec.Struct):
    stream: bool = False


class _Spelt(msgspec.Struct):
    model: msgspec.Raw = msgspec.Raw()


Tokens = Annotated[int, msgspec.Meta(ge=0, lt=10**18)]


class _Usage(msgspec.Struct):
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None


class _Used(msgspec.Struct):
    usage: _Usage | None = None


_named = msgspec.json.Decoder(_Named)
_streamed = msgspec.json.Decoder(_Streamed)
_spelt = msgspec.json.Decoder(_Spelt)
_used = msgspec.json.Decoder(_Used)
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# As nearly all engines write it; other orders and names go the long way.
USAGE = re.compile(
    rb'"usage" ?: ?{[^{}]{0,64}?"prompt_tokens" ?: ?(\d{1,18})'
    rb'[^{}]{0,64}?"completion_tokens" ?: ?(\d{1,18})'
)
SHORT = 4096  # bytes of an answer that is read whole for its usage; of longer ones the end is
# What can follow a string in JSON. A name that begins with one of these, in its quotes, looks
# like the space between two strings.
BETWEEN_STRINGS = (":", ",", "]", "}")


def model_of(body: bytes) -> str | None:
    """Return the name in the `model` field; None where there is none.

    All other fields are passed over unread. Raises ValueError where the body is no JSON
    object, its `model` is no text, or one that `renamed` could not find again.
    """
    try:
        name = _named.decode(body).model
    except NOT_JSON as error:
        raise ValueError(str(error)) from error
    if name is not None and name.lstrip(" ").startswith(BETWEEN_STRINGS):
        raise ValueError("a model's name does not begin with punctuation")
    return name


def name_in(body: bytes) -> str | None:
    """Return the `model` field as `model_of` does, unjudged. Raises one of NOT_JSON."""
    return _named.decode(body).model


def wants_stream(body: bytes) -> bool:
    """Say whether the answer is asked for as a stream of events."""
    try:
        return _streamed.decode(body).stream
    except NOT_JSON:
        return False


def one_scale(answer: bytes, *, logits: bool) -> bytes:
    """Return a rerank answer in one form, and its scores as their sigmoid where they are `logits`.

    Clients compare scores with thresholds. SGLang gives a bare list, which becomes what all others
    answer. Whatever is no such answer is returned as it is.
    """
    try:
        said: Any = msgspec.json.decode(answer)
        if isinstance(said, list):
            said = {"results": [_result(one) for one in said]}
        for result in said["results"]:
            score = result["relevance_score"]
            result["relevance_score"] = _sigmoid(score) if logits else score
    except (*NOT_JSON, KeyError, TypeError):
        return answer
    return msgspec.json.encode(said)


def _result(one: Any) -> dict[str, Any]:
    """One document's score, of SGLang's list, as the other engines say it."""
    said = {"index": one["index"], "relevance_score": one["score"]}
    return said | ({"document": {"text": one["document"]}} if "document" in one else {})


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0  # e^700 is near the largest float


def renamed(body: bytes, name: str) -> bytes:
    """Return the body with its `model` replaced by this name and no other byte changed.

    The decoder gives the field as it is spelt but not its place. So every occurrence of the
    spelling that is no object's key is replaced by its own number and the result decoded
    once: the number that comes back is the place. This stays linear whatever is repeated.
    """
    spelling = bytes(_spelt.decode(body).model)
    parts = body.split(spelling)
    numbered = [parts[0]]
    for number, part in enumerate(parts[1:], start=1):
        is_key = part.lstrip(b" \t\r\n").startswith(b":")
        numbered += (spelling if is_key else b'"%d"' % number, part)
    place = int(_named.decode(b"".join(numbered)).model or 0)
    before, after = parts[:place], parts[place:]
    return spelling.join(before) + msgspec.json.encode(name) + spelling.join(after)


def tokens_of(answer: bytes) -> tuple[int | None, int | None]:
    """Return the prompt and completion tokens that a whole answer states."""
    if len(answer) <= SHORT:
        try:
            usage = _used.decode(answer).usage
        except NOT_JSON:
            return tokens_in(answer)
        if usage is None:
            return None, None
        if usage.prompt_tokens is None and usage.completion_tokens is None:
            return usage.input_tokens, usage.output_tokens
        return usage.prompt_tokens, usage.completion_tokens
    return tokens_in(answer[-SHORT:])


def tokens_in(tail: bytes) -> tuple[int | None, int | None]:
    """Return the prompt and completion tokens that the end of an answer states.

    Chat and completions call them so; `/v1/responses` and `/v1/messages` say input and output.
    """
    at = tail.rfind(b'"usage"')
    if at < 0:
        return None, None
    usual = USAGE.match(tail, at)
    if usual is not None:
        return int(usual[1]), int(usual[2])
    prompt = _number(tail, b'"prompt_tokens"', at)
    completion = _number(tail, b'"completion_tokens"', at)
    if prompt is None and completion is None:
        return _number(tail, b'"input_tokens"', at), _number(tail, b'"output_tokens"', at)
    return prompt, completion


def _number(text: bytes, field: bytes, start: int) -> int | None:
    at = text.find(field, start)
    if at < 0:
        return None
    rest = text[at + len(field) : at + len(field) + 24].lstrip(b" :")
    digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    return int(digits) if digits else None
