"""What engines say in their own words, told in ours; pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ostler.faces.gateway.body import NOT_JSON

# What engines say of a prompt that is longer than they can read: llama.cpp, vLLM, SGLang.
TOO_LONG = (
    "exceed_context_size",
    "context size",
    "context length",
    "maximum context",
    "greater than max_model_len",
)


def translated(answer: bytes) -> bytes:
    """Return a refusal (400) of an engine with our code, where it has one; else as it is.

    A prompt that is too long is `context_too_long` with every engine; the sentence stays theirs.
    """
    try:
        said: Any = msgspec.json.decode(answer)
        error = said["error"]
        words = f"{error.get('type')} {error['message']}".lower()
    except (*NOT_JSON, KeyError, TypeError, AttributeError):
        return answer
    if not any(phrase in words for phrase in TOO_LONG):
        return answer
    mended = {**error, "type": "invalid_request_error", "code": "context_too_long"}
    return msgspec.json.encode({**said, "error": mended})
