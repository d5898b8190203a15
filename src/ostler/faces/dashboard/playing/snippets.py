"""A request as somebody would type it: for curl, and for the OpenAI client; pure.

The key is never written: curl takes it from the environment, and so does Python.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

KEY = "OSTLER_API_KEY"


def curl(address: str, path: str, body: Mapping[str, Any], has_key: bool) -> str:
    """Return a curl command that asks this."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    lines = [f"curl -sS {shlex.quote(address + path)}", "-H 'Content-Type: application/json'"]
    if has_key:
        lines.append(f'-H "Authorization: Bearer ${KEY}"')
    lines.append(f"-d {shlex.quote(text)}")
    return " \\\n  ".join(lines)


def python(address: str, path: str, body: Mapping[str, Any], has_key: bool) -> str:
    """Return a Python program that asks this."""
    if path == "/v1/rerank":
        return _plain(address, path, body, has_key)
    call = {"/v1/chat/completions": "chat.completions", "/v1/embeddings": "embeddings"}[path]
    given = "".join(f"    {name}={_literal(value)},\n" for name, value in body.items())
    shown = {
        "/v1/chat/completions": "answer.choices[0].message.content",
        "/v1/embeddings": "len(answer.data[0].embedding)",
    }[path]
    return (
        f"{'import os' + chr(10) * 2 if has_key else ''}from openai import OpenAI\n\n"
        f"client = OpenAI(base_url={address + '/v1'!r}, api_key={_key(has_key)})\n"
        f"answer = client.{call}.create(\n{given})\nprint({shown})\n"
    )


def _plain(address: str, path: str, body: Mapping[str, Any], has_key: bool) -> str:
    """The OpenAI client has no call for this."""
    imports = ["import json", *(["import os"] if has_key else []), "from urllib.request import *"]
    header = {"Content-Type": "application/json"}
    headers = _literal(header)[:-1]
    if has_key:
        headers += f", 'Authorization': f'Bearer {{{_key(True)}}}'"
    imports[-1] = "from urllib.request import Request, urlopen"
    return (
        "\n".join(imports) + "\n\n"
        f"body = {_literal(body)}\n"
        f"headers = {headers}}}\n"
        f"request = Request({address + path!r}, json.dumps(body).encode(), headers)\n"
        "with urlopen(request) as answer:\n"
        "    print(json.load(answer))\n"
    )


def _key(has_key: bool) -> str:
    return f'os.environ["{KEY}"]' if has_key else '"none"'


def _literal(value: Any) -> str:
    """A value as Python writes it."""
    return repr(dict(value) if isinstance(value, Mapping) else value)
