"""Whether a request can fit into its model's context at all; pure.

Only what certainly cannot is refused here, before any engine. A prompt of tokens is counted; how
many tokens a text has is known to the engine's tokenizer alone, so the engine refuses that itself
(`faults`). An answer may be asked for that is longer than what is left of the context: engines end
it there. One that is longer than the context is refused where the engine would refuse it too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import msgspec

from ostler.faces.gateway.body import NOT_JSON
from ostler.faces.gateway.messages import Fault, Model
from ostler.faces.gateway.request import Refusal

COMPLETIONS = b"/v1/completions"
GENERATING = frozenset({COMPLETIONS, b"/v1/chat/completions", b"/v1/responses", b"/v1/messages"})
# What names the longest answer, the first of those that are given.
ANSWERS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
HINT = "Send less, or start the server with more: `ostler serve --context N`."
LEAST = 2  # bytes that a token takes in a list of them


class _Longest(msgspec.Struct):
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    max_output_tokens: int | None = None


class _Prompt(msgspec.Struct):
    prompt: msgspec.Raw = msgspec.Raw(b"")
    truncate_prompt_tokens: msgspec.Raw = msgspec.Raw(b"")


_longest = msgspec.json.Decoder(_Longest)
_prompt = msgspec.json.Decoder(_Prompt)
_one = msgspec.json.Decoder(list[int])
_several = msgspec.json.Decoder(list[list[int]])


class Context(NamedTuple):
    """What a model's engines read and write at most, in tokens; `bounds_answer` says that they
    refuse to be asked for a longer answer.
    """

    tokens: int
    bounds_answer: bool


def context_of(model: Model, target: bytes) -> Context | None:
    """Return what bounds a request to this target; None where nothing is known to."""
    if target.partition(b"?")[0] not in GENERATING or not model.backends:
        return None
    longest = 0
    for backend in model.backends:
        if backend.context is None:
            return None
        longest = max(longest, backend.context)
    return Context(longest, all(backend.bounds_answer for backend in model.backends))


def too_long(id: str, context: Context, target: bytes, body: bytes) -> Refusal | None:
    """Return why a request cannot fit; None where it may, at next to no cost for most."""
    most = context.tokens
    if context.bounds_answer and b'"max_' in body:
        name, answer = _answer(body)
        if answer > most:
            return _refusal(id, most, f"{name} asks for an answer of up to {answer}", name)
    if len(body) > LEAST * most and target.startswith(COMPLETIONS):
        prompt = _counted(body)
        if prompt > most:
            return _refusal(id, most, f"the prompt alone is {prompt} tokens long", "prompt")
    return None


def _answer(body: bytes) -> tuple[str, int]:
    """Return how long an answer may be, and what says so; 0 where nothing does."""
    try:
        asked = _longest.decode(body)
    except NOT_JSON:
        return "", 0
    for name in ANSWERS:
        answer: int | None = getattr(asked, name)
        if answer is not None:
            return name, answer
    return "", 0


def _counted(body: bytes) -> int:
    """Return how many tokens a prompt has, the longest of several; 0 where that is not known."""
    try:
        asked = _prompt.decode(body)
    except NOT_JSON:
        return 0
    if asked.truncate_prompt_tokens or bytes(memoryview(asked.prompt)[:1]) != b"[":
        return 0
    with suppress(*NOT_JSON):
        return len(_one.decode(asked.prompt))
    with suppress(*NOT_JSON):
        return max(map(len, _several.decode(asked.prompt)), default=0)
    return 0


def _refusal(id: str, most: int, why: str, param: str) -> Refusal:
    text = f"The model {id} has a context of {most} tokens, and {why}."
    return Refusal(400, Fault(text, "invalid_request_error", "context_too_long", HINT, param))
