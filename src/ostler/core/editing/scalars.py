"""What a word of YAML means, and how a value is written."""

from __future__ import annotations

import re
from typing import Any

import yaml

EVER = 1 << 30  # columns; a line of ours is never folded

# YAML 1.2's core schema, https://yaml.org/spec/1.2.2/#103-core-schema
NULL = re.compile(r"~|null|Null|NULL|")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
WHOLE = re.compile(r"[-+]?[0-9]+")
OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)")


def meaning(text: str, style: str | None) -> Any:
    """Return the value of a scalar: of a quoted one, its text."""
    if style not in (None, ""):
        return text
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text) or FALSE.fullmatch(text):
        return bool(TRUE.fullmatch(text))
    if WHOLE.fullmatch(text):
        return int(text) if len(text) < 4000 else text
    if OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if REAL.fullmatch(text):
        return float(text.lower().replace(".inf", "inf"))
    return text


def inline(value: Any) -> str:
    """Write a value on one line: `a`, `"on"`, `[a, b]`, `{a: 1}`."""
    text: str = yaml.safe_dump(
        [value], default_flow_style=True, width=EVER, sort_keys=False, allow_unicode=True
    )
    return text.strip().removeprefix("[").removesuffix("]")


def lines(value: Any, indented: bool = True) -> list[str]:
    """Write a value as lines of block style; lists `indented` under their key, or flush with it."""
    dumper = Indented if indented else Flush
    text: str = yaml.dump(
        value, Dumper=dumper, default_flow_style=False, width=EVER, sort_keys=False,
        allow_unicode=True,
    )  # fmt: skip
    return text.rstrip("\n").split("\n")


def word(value: Any) -> str:
    """Write a value on one line of a block, where a `:` within a word needs no quotes."""
    rows = lines([value])
    return rows[0].removeprefix("- ") if len(rows) == 1 else inline(value)


class Flush(yaml.SafeDumper):
    """Writes a list flush with its key, and a value used twice twice: anchors would puzzle."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Indented(Flush):
    """Writes a list two columns in from its key, as most files in the world have it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)
