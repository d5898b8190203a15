"""Whether a request can fit into its model's context at all; pure.

Only what certainly cannot is refused here, before any engine. A prompt of tokens is counted; how
many tokens a text has is known to the engine's tokenizer alone, so the engine refuses that itself
(`faults`). An answer may be asked for that is longer than what is left of the context: engines end
it there. One that is longer than the context is refused where the engine would refuse it too.
"""

from __future__ import annotations

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


class _Asked(msgspec.Struct):
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    prompt: msgspec.Raw = msgspec.Raw(b"")
    truncate_prompt_tokens: msgspec.Raw = msgspec.Raw(b"")


_asked = msgspec.json.Decoder(_Asked)
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


def may_exceed(context: Context, target: bytes, body: bytes) -> bool:
    """Say, at next to no cost, whether `too_long` is worth asking."""
    if context.bounds_answer and b'"max_' in body:
        return True
    return len(body) > LEAST * context.tokens and target.startswith(COMPLETIONS)


def too_long(id: str, context: Context, target: bytes, body: bytes) -> Refusal | None:
    """Return why a request cannot fit; None where it may."""
    if not may_exceed(context, target, body):
        return None
    try:
        asked = _asked.decode(body)
    except NOT_JSON:
        return None
    most = f"The model {id} has a context of {context.tokens} tokens"
    named = ((name, getattr(asked, name)) for name in ANSWERS)
    name, answer = next(((name, n) for name, n in named if n is not None), ("", 0))
    if context.bounds_answer and answer > context.tokens:
        return _refusal(f"{most}, and {name} asks for an answer of up to {answer}.", name)
    prompt = 0 if asked.truncate_prompt_tokens else _counted(bytes(asked.prompt))
    if prompt > context.tokens:
        return _refusal(f"{most}, and the prompt alone is {prompt} tokens long.", "prompt")
    return None


def _counted(prompt: bytes) -> int:
    """Return how many tokens a prompt has, the longest of several; 0 where it is no such list."""
    if prompt[:1] != b"[":
        return 0
    try:
        return len(_one.decode(prompt))
    except NOT_JSON:
        pass
    try:
        return max(map(len, _several.decode(prompt)), default=0)
    except NOT_JSON:
        return 0


def _refusal(text: str, param: str) -> Refusal:
    return Refusal(400, Fault(text, "invalid_request_error", "context_too_long", HINT, param))
