"""What must not leave this machine in a copy of the operator's files."""

from __future__ import annotations

import re

LEFT_OUT = "left out of the backup"
_SECRET = re.compile(
    r"(?im)^(?P<head>\s*(?:-\s+)?[\w.-]*(?:token|secret|password|passwd|api_?key|credential)[\w.-]*"
    r"\s*[:=][ \t]*)(?P<value>\S.*)$"
)
_TOKEN = re.compile(r"\b(?:hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|ost_[A-Za-z0-9_-]{8,})")


def masked(text: str) -> str:
    """Return a settings file's text without the values of secrets.

    Told by the key's name (`token`, `secret`, `password`, `api_key`, `credential`) and by the
    shapes of tokens in use (`hf_`, `sk-`, `ost_`).
    """
    plain = _SECRET.sub(lambda found: f'{found["head"]}"{LEFT_OUT}"', text)
    return _TOKEN.sub(LEFT_OUT, plain)
