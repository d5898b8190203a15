"""Why a file could not be read, in words for whoever reads the sentence."""

from __future__ import annotations

import json
import re

_NUMBER = re.compile(r"\[(Errno|SSL: \w+)[^\]]*\] ")


def why(error: Exception) -> str:
    """Return the cause without class names and numbers of the system, and without a full stop.

    Known are what opening, decoding and parsing (JSON, YAML) raise; else it is the error's text.
    """
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if isinstance(error, OSError):
        text = error.strerror or str(error)
    elif isinstance(error, UnicodeDecodeError):
        text = f"byte {error.start + 1} is no UTF-8 text"
    elif isinstance(error, json.JSONDecodeError):
        text = f"line {error.lineno}, column {error.colno}: {_begun(error.msg)}"
    elif mark is not None:
        text = f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    elif isinstance(error, KeyError):
        text = f"it has no {error}"
    else:
        text = str(error)
    return _begun(_NUMBER.sub("", text).rstrip(".")) or type(error).__name__


def root_cause(error: BaseException) -> str:
    """Return why there was no answer: the system's own word where one lies at the root."""
    root = error
    while (below := root.__cause__ or root.__context__) is not None:
        root = below
    told = root if isinstance(root, OSError) and root.strerror else error
    return why(told) if isinstance(told, Exception) else type(told).__name__


def _begun(text: str) -> str:
    """Return the text as it goes on after a colon; names in capitals stay."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
