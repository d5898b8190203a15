"""What engines say in their own words, told in ours; pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ostler.faces.gateway.body import NOT_JSON

# Statuses of refusals that may be told in our words. llama.cpp calls a text that is too long for an
# encoder a fault of its own, where it is longer than a batch, which here holds a whole context.
REFUSALS = (400, 500)
# What engines say of a prompt that is longer than they can read: llama.cpp, vLLM, SGLang.
TOO_LONG = (
    "exceed_context_size",
    "context size",
    "context length",
    "maximum context",
    "greater than max_model_len",
    "too large to process",
)


def translated(status: int, answer: bytes) -> tuple[int, bytes]:
    """Return an engine's refusal with our status and code, where it has one; else as it is.

    A prompt that is too long is `context_too_long` with every engine; the sentence stays theirs.
    """
    try:
        said: Any = msgspec.json.decode(answer)
        error = said["error"]
        words = f"{error.get('type')} {error['message']}".lower()
    except (*NOT_JSON, KeyError, TypeError, AttributeError):
        return status, answer
    if not any(phrase in words for phrase in TOO_LONG):
        return status, answer
    mended = {**error, "type": "invalid_request_error", "code": "context_too_long"}
    return 400, msgspec.json.encode({**said, "error": mended})
