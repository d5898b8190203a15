"""A caller's choice of one tool, for engines that know only that some tool must be called; pure.

llama.cpp reads `tool_choice` as a text, and takes the object that names a function for "auto"
(ggml-org/llama.cpp, pull request 26849): the model would answer in prose, and nobody would say so.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ostler.faces.gateway.body import NOT_JSON

MARK = b'"tool_choice"'  # of a body that is worth a look
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_tools = msgspec.json.Decoder(list[msgspec.Raw])


def one_of(body: bytes) -> bytes:
    """Return a request that names the function to call as one whose only tool that is, required.

    Every other field keeps its bytes. Whatever names no function among its tools is returned as it
    is.
    """
    try:
        fields = _fields.decode(body)
        name = _named(fields.get("tool_choice"))
        found = [one for one in _tools.decode(fields["tools"]) if name and _named(one) == name]
    except (*NOT_JSON, KeyError):
        return body
    if not found:
        return body
    only = msgspec.Raw(b"[" + bytes(found[0]) + b"]")
    required = msgspec.Raw(b'"required"')
    return msgspec.json.encode({**fields, "tools": only, "tool_choice": required})


def _named(value: msgspec.Raw | None) -> str | None:
    """The function that a choice or a tool names, as chat completions say it or as responses."""
    said: Any = None if value is None else msgspec.json.decode(value)
    if not isinstance(said, dict) or said.get("type") != "function":
        return None
    inner = said.get("function", said)
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None
