"""The shapes of what commands print with --json: read from `data/json.yaml`, made into schemas.

A shape is a text (`text or null`, `Job`, `ostler.nouns.Job`), a list of one shape, or an object
by its names. Classes are read by their annotations, so that a new field is in the schema at once.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

Shape = Any  # str, list or dict, as YAML has it
SIMPLE: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "any": {},
}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PLAIN = {str: "text", int: "whole", float: "number", bool: "bool", Path: "text", date: "text"}
NULL, MAYBE, REST = " or null", "maybe ", "*"


@cache
def declared() -> dict[str, Any]:
    """Return the file as it is: `shapes` and `commands`."""
    text = (files("ostler.data") / "json.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def cases(command: str) -> dict[str, Shape]:
    """Return the shapes of a command's documents, by when each is printed. Raises KeyError."""
    shape = declared()["commands"][command]
    if isinstance(shape, dict) and ("either" in shape or "lines" in shape):
        return {**shape.get("either", {}), **shape.get("lines", {})}
    return {"": shape}


def in_lines(command: str) -> bool:
    """Say whether a command prints one document a line."""
    shape = declared()["commands"][command]
    return isinstance(shape, dict) and "lines" in shape


def schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of one document that a command prints. Raises KeyError."""
    defs: dict[str, Any] = {}
    found = [_schema(shape, defs) for shape in cases(command).values()]
    found.append(_schema({"error": "Error"}, defs))
    title = f"ostler {command} --json"
    return {"$schema": DRAFT, "title": title, "anyOf": found, "$defs": defs}


def _schema(shape: Shape, defs: dict[str, Any]) -> dict[str, Any]:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0], defs)}
    if isinstance(shape, dict):
        return _object(fields(shape), defs)
    if shape.endswith(NULL):
        return {"anyOf": [_schema(shape.removesuffix(NULL), defs), {"type": "null"}]}
    if shape.startswith("="):
        return {"const": shape[1:]}
    return SIMPLE[shape] if shape in SIMPLE else _named(shape, defs)


def _named(name: str, defs: dict[str, Any]) -> dict[str, Any]:
    short = name.rpartition(".")[2] if name.count(".") < 2 else name.removeprefix("ostler.")
    if short not in defs:
        defs[short] = {}  # it may name itself
        defs[short] = _schema(meant(name), defs)
    return {"$ref": f"#/$defs/{short}"}


def _object(known: Mapping[str, Shape], defs: dict[str, Any]) -> dict[str, Any]:
    named = {name: shape for name, shape in known.items() if name != REST}
    return {
        "type": "object",
        "properties": {one.removeprefix(MAYBE): _schema(of, defs) for one, of in named.items()},
        "required": [one for one in named if not one.startswith(MAYBE)],
        "additionalProperties": _schema(known[REST], defs) if REST in known else False,
    }


def fields(shape: Mapping[str, Any]) -> dict[str, Shape]:
    """Return an object's fields, with `of`, `but` and `and` resolved."""
    if "of" not in shape:
        return dict(shape)
    but: Collection[str] = shape.get("but", ())
    more: dict[str, Shape] = shape.get("and", {})
    return {k: v for k, v in fields(meant(shape["of"])).items() if k not in but} | more


def meant(name: str) -> Shape:
    """Return the shape that a name means: one of the file's, or a class of ours."""
    known = declared()["shapes"]
    if name in known:
        found = known[name]
        return meant(found) if isinstance(found, str) and "." in found else found
    module, _, kind = name.rpartition(".")
    return of_class(getattr(import_module(module), kind))


def of_class(kind: type) -> dict[str, Shape]:
    """Return the fields of a dataclass or a pydantic model, as `show.plain` writes them."""
    hints = get_type_hints(kind)
    if dataclasses.is_dataclass(kind):
        names = [one.name for one in dataclasses.fields(kind)]
    else:
        names = list(kind.model_fields)  # type: ignore[attr-defined]
    return {name: of_hint(hints[name]) for name in names}


def of_hint(hint: Any) -> Shape:
    """Return the shape of a type annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [of_hint(one) for one in args if one is not types.NoneType]
        if len(kinds) > 1 or not isinstance(kinds[0], str):
            return "any"
        return kinds[0] + NULL if types.NoneType in args else kinds[0]
    if origin is Literal:
        return "text"
    if origin is not None and issubclass(origin, Mapping):
        return {REST: of_hint(args[1])}
    if origin is tuple and args[-1] is not Ellipsis:
        return ["any"]
    if origin is not None and issubclass(origin, Sequence | set | frozenset):
        return [of_hint(args[0])]
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return "text"
        if dataclasses.is_dataclass(hint) or hasattr(hint, "model_fields"):
            return f"{hint.__module__}.{hint.__qualname__}"
    return PLAIN.get(hint, "any")
