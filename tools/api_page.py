"""The page of the control API's reference, from its OpenAPI document and its schemas' own words."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ostler.faces import api
from ostler.faces.api import dashboards
from ostler.faces.api.app import control_app
from ostler.faces.dashboard.session import Sessions

HEAD = """# HTTP API

What operators and their programs ask a running server for. The dashboard and `ostler.Ostler` ask
for nothing else. Inference requests (`/v1/chat/completions` and the like) are the engines' own: see
[Ask it](../howto/gateway.md).

Send a key as `Authorization: Bearer KEY`; where no key was ever made and the server listens on this
machine alone, none is needed. Everything below `/api` is an operator's, but `/api/caller`. What
changes something takes `dry_run=true` where it says so, and answers what it would do. What takes
a while answers 202 with a job: `GET /api/jobs/ID` watches it, `DELETE` ends it.

Every refusal is `{"error": {"code", "message", "type", "hint"}}`; [the codes](errors.md) never
change. A name in a path is quoted, its slashes stay: `ostler/tiny-llama-GGUF%23q8_0`. The document
itself is `/openapi.json`; `/docs` shows it where a browser has a network.

"""
TITLES = {
    "store": "What is kept", "jobs": "Work that takes a while", "find": "Finding models",
    "pulls": "Downloads", "fit": "Memory, GPUs, prices", "operate": "The fleet",
    "deployments": "Deployments", "wishes": "Wishes", "keys": "Keys", "audit": "History and use",
    "watch": "Watching", "look": "What is wrong", "health": "Health", "openai": "As OpenAI has it",
    "lamini": "As Lamini has it", "dashboard": "The dashboard",
}  # fmt: skip
FIELD = re.compile(r"^    (\w+): .*?(?:  # (.*))?$")


class Nothing:
    """A server of which the routes want nothing before they are asked."""

    def __getattr__(self, name: str) -> Any:
        return Nothing()


def page() -> str:
    """Return the page."""
    app = control_app(Nothing())  # type: ignore[arg-type]
    app.include_router(dashboards.routes(Sessions(), ""))
    document = app.openapi()
    words = comments()
    return HEAD + "\n".join([*_routes(document), *_schemas(document, words)])


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    tags: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {tag: [] for tag in TITLES}
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            tags.setdefault(way["tags"][0], []).append((method, path, way))
    for tag, found in tags.items():
        if found:
            yield f"## {TITLES.get(tag, tag)}\n"
        for method, path, way in found:
            yield f"### `{method.upper()} {path}`\n\n{way['description']}\n"
            yield from _asked(way)
            yield from _answered(way)


def _asked(way: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (f"`{one['name']}`", f"in the {one['in']}", _type(one["schema"]), _usual(one))
        for one in way.get("parameters", ())
    ]
    body = way.get("requestBody")
    if body:
        schema = body["content"]["application/json"]["schema"]
        rows.append(("the body", "JSON", _type(schema), ""))
    if rows:
        yield "| what | where | type | usually |\n|---|---|---|---|"
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _answered(way: Mapping[str, Any]) -> Iterator[str]:
    for status, answer in way["responses"].items():
        content = answer.get("content", {}).get("application/json", {})
        if str(status).startswith("2") and content.get("schema"):
            yield f"Answers {status}: {_type(content['schema'])}.\n"


def _schemas(document: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield "## Shapes\n\nSizes are bytes, times seconds, unless a name says otherwise.\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        said = str(schema.get("description", "")).partition("\n\n")[0]
        yield f"### {name}\n\n{said}\n"
        if "properties" in schema:
            yield "| field | type | usually | |\n|---|---|---|---|"
            needed = schema.get("required", ())
            rows = [
                f"| `{field}` | {_type(one)} | {'' if field in needed else _usual(one)} "
                f"| {words.get(name, {}).get(field, '').replace('|', chr(92) + '|')} |"
                for field, one in schema["properties"].items()
            ]
            yield "\n".join(rows) + "\n"
        elif "enum" in schema:
            yield f"One of {', '.join(f'`{one}`' for one in schema['enum'])}.\n"


def _usual(one: Mapping[str, Any]) -> str:
    if one.get("required"):
        return "needed"
    value = one.get("default", one.get("schema", {}).get("default"))
    return (
        ""
        if value in (None, "", [], {})
        else f"`{str(value).lower() if value is True or value is False else value}`"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """Write a schema's type; one that has a name leads to it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no",
            "object": "object"}.get(str(schema.get("type")), "anything")  # fmt: skip


def comments() -> dict[str, dict[str, str]]:
    """Return what the schemas' source says beside their fields, by schema and field."""
    found: dict[str, dict[str, str]] = {}
    for module in pkgutil.iter_modules(api.__path__, f"{api.__name__}."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind is not BaseModel:
                found[name] = {}
                for one in reversed(kind.__mro__):
                    if issubclass(one, BaseModel) and one is not BaseModel:
                        found[name] |= _beside(one)
    return found


def _beside(kind: type[BaseModel]) -> dict[str, str]:
    lines = [FIELD.match(line) for line in inspect.getsource(kind).splitlines()]
    return {line[1]: line[2] for line in lines if line and line[2] and line[2] != "fmt: skip"}
