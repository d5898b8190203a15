"""What engines say in their own words, told in ours; pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ostler.faces.gateway.body import NOT_JSON

# Statuses of refusals that may be told in our words. llama.cpp calls a text that is too long for an
# encoder a fault of its own, where it is longer than a batch, which here holds a whole context.
# It calls an encoder that is to write so too; a model that writes and is to encode gets a 501.
REFUSALS = (400, 500, 501)
# What engines say of a prompt that is longer than they can read: llama.cpp, vLLM, SGLang.
TOO_LONG = (
    "exceed_context_size",
    "context size",
    "context length",
    "maximum context",
    "greater than max_model_len",
    "too large to process",
)
# What they say of a request of a kind that the model is not for: llama.cpp, vLLM.
WRONG_TASK = (
    "does not support embeddings",
    "does not support logits computation",
    "does not support completions",
    "does not support chat completions",
)
ANOTHER = "The model is not for this kind of request. Its engine says: {}"
TASKS = "`GET /v1/models` says under `task` what each model is for."


def translated(status: int, answer: bytes) -> tuple[int, bytes]:
    """Return an engine's refusal with our status and code, where it has one; else as it is.

    A prompt that is too long is `context_too_long` with every engine; the sentence stays theirs.
    A request of a kind that the model is not for is `wrong_task`: asked again it would fail again.
    """
    try:
        said: Any = msgspec.json.decode(answer)
        error = said["error"]
        words = f"{error.get('type')} {error['message']}".lower()
    except (*NOT_JSON, KeyError, TypeError, AttributeError):
        return status, answer
    mended = {**error, "type": "invalid_request_error"}
    if any(phrase in words for phrase in TOO_LONG):
        mended |= {"code": "context_too_long"}
    elif any(phrase in words for phrase in WRONG_TASK):
        said_so = ANOTHER.format(error["message"])
        mended |= {"code": "wrong_task", "message": said_so, "hint": TASKS}
    else:
        return status, answer
    return 400, msgspec.json.encode({**said, "error": mended})
