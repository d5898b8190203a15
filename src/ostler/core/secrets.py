"""What must not leave this machine in a copy of the operator's files, nor reach their tools."""

from __future__ import annotations

import re

from ostler.core.addresses import without_password

# Of the environment: what no engine, and no tool that makes weights smaller, needs to know.
VARIABLES = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "MODELSCOPE_API_TOKEN"),
    *("OSTLER_API_KEY", "OSTLER_DATABASE", "OSTLER_HUB_TOKEN", "OSTLER_HUB_OPERATOR"),
)
LEFT_OUT = "left out of the backup"
_SECRET = re.compile(
    r"(?im)^(?P<head>\s*(?:-\s+)?[\w.-]*(?:token|secret|password|passwd|api_?key|credential)[\w.-]*"
    r"\s*[:=][ \t]*)(?P<value>\S.*)$"
)
_TOKEN = re.compile(r"\b(?:hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|ostler_[A-Za-z0-9_-]{40,})")


def masked(text: str) -> str:
    """Return a settings file's text without the values of secrets.

    Told by the key's name (`token`, `secret`, `password`, `api_key`, `credential`) and by the
    shapes of tokens in use (`hf_`, `sk-`, `ostler_`), and by their place in an address.
    """
    plain = _SECRET.sub(lambda found: f'{found["head"]}"{LEFT_OUT}"', text)
    return _TOKEN.sub(LEFT_OUT, without_password(plain))
