"""Every `ostler ...` that a sentence, a help text or a docstring names, Click would take."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from ostler.faces.cli.app import ostler

SOURCE = Path(__file__).resolve().parents[2] / "src/ostler"
QUOTED = re.compile(r"`(ostler [a-z][^`]*)`")  # ends where the quote ends
OPEN = re.compile(r"(?:^|: |\n +(?:\$ )?)(ostler [a-z][^\n`]*)")  # a line, or the end of a hint
PROSE = re.compile(r"  +|[;&|<>]| # |[.,] |,$")  # what follows a command in a line of its own


class Named(NamedTuple):
    where: str
    line: str
    whole: bool  # it is known where the command ends


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string with its line; what is filled in later reads FILLED."""
    inside = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said = (p.value if isinstance(p, ast.Constant) else "FILLED" for p in node.values)
            yield node.lineno, "".join(str(part) for part in said)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.lineno, node.value


def named() -> list[Named]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for number, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(SOURCE)}:{number}"
            found += [Named(where, " ".join(m.split()), True) for m in QUOTED.findall(text)]
            found += [Named(where, PROSE.split(m)[0], False) for m in OPEN.findall(text)]
    return found


def refusal(line: str, whole: bool) -> str | None:
    """Why Click would not take this line; None where it would."""
    try:
        words = shlex.split(line)[1:]
    except ValueError:  # an apostrophe of prose
        words = line.split()[1:]
    command: click.Command = ostler
    context = click.Context(ostler, info_name="ostler")
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            if "FILLED" in words[0] or (
                not whole and command.get_command(context, words[0]) is None
            ):
                return None if command is not ostler or "FILLED" in words[0] else words[0]
            _, inner, words = command.resolve_command(context, words)
            assert inner is not None
            command, context = inner, click.Context(inner, parent=context, info_name=inner.name)
        _, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    return f"too many words: {rest}" if rest and whole else None


def test_commands_in_sentences_exist() -> None:
    every = named()
    assert len(every) > 300, "the search finds them no longer"
    wrong = {f"{n.where}: {n.line}: {said}" for n in every if (said := refusal(n.line, n.whole))}
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize(
    "line", ["ostler pul X", "ostler ls --nothing", "ostler keys make", "ostler ls a b"]
)
def test_a_wrong_one_is_seen(line: str) -> None:
    assert refusal(line, whole=True)
