"""What a request's prompt begins with, and how long its answer may be; pure."""

from __future__ import annotations

import msgspec

from ostler.faces.gateway.body import NOT_JSON

# Of a message, and of a plain prompt, whose end is new with each request. Engines keep what they
# have read in blocks of some tens of bytes, so a head of this length is worth finding again.
MESSAGE_BYTES, PROMPT_BYTES = 4096, 512
NOTHING = msgspec.Raw(b"")


class _Prompt(msgspec.Struct):
    messages: msgspec.Raw = NOTHING
    prompt: msgspec.Raw = NOTHING
    input: msgspec.Raw = NOTHING
    system: msgspec.Raw = NOTHING
    instructions: msgspec.Raw = NOTHING


class _Longest(msgspec.Struct):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None


class _Speaker(msgspec.Struct):
    role: str = ""


_prompt = msgspec.json.Decoder(_Prompt)
_longest = msgspec.json.Decoder(_Longest)
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_speaker = msgspec.json.Decoder(_Speaker)
INSTRUCTING = ("system", "developer")


def head_of(body: bytes) -> bytes:
    """Return what requests of one conversation begin with, as it is spelt; empty: nothing known.

    Of a conversation, what instructs the model and the first message of its user: later turns
    only add to these. Of a plain prompt, its first bytes.
    """
    try:
        said = _prompt.decode(body)
        turns = _first(said.messages) or _first(said.input)
    except NOT_JSON:
        return b""
    parts = [_cut(one, MESSAGE_BYTES) for one in (said.system, said.instructions, *turns)]
    if not turns:
        parts += [_cut(one, PROMPT_BYTES) for one in (said.prompt, said.input)]
    return b"\n".join(part for part in parts if part)


def _first(turns: msgspec.Raw) -> list[msgspec.Raw]:
    if _cut(turns, 1) != b"[":
        return []
    found = _parts.decode(turns)
    for number, turn in enumerate(found):
        if _cut(turn, 1) != b"{" or _speaker.decode(turn).role not in INSTRUCTING:
            return found[: number + 1]
    return found


def _cut(said: msgspec.Raw, most: int) -> bytes:
    return bytes(memoryview(said)[:most])


def answer_of(body: bytes) -> int | None:
    """Return the most tokens that the answer may have, None where the body does not say."""
    try:
        said = _longest.decode(body)
    except NOT_JSON:
        return None
    limits = (said.max_tokens, said.max_completion_tokens, said.max_output_tokens)
    return max((one for one in limits if one is not None and one >= 0), default=None)
