"""Every command has a sentence and an example of its own in its help."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from tests.docs.test_hints import refusal

from ostler.faces.cli.app import MODULES, ostler


def below(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from below(one, f"{path} {name}")


def every() -> dict[str, click.Command]:
    """Every command that can be run, by its path: `ostler keys ls`."""
    context = click.Context(ostler)
    found: dict[str, click.Command] = {}
    for name in MODULES:
        command = ostler.get_command(context, name)
        assert command is not None
        found |= dict(below(command, f"ostler {name}"))
    return found


def examples(path: str, command: click.Command) -> list[str]:
    """The lines of a command's help that are the command, less what other programs make of it."""
    begins = re.compile(rf"(?:OSTLER_\w+=\S+ |cat \S+ \| |eval \"\$\(|)({path}(?: .*|\)|$))")
    help = (command.help or "").replace("\\\n", " ")
    lines = (begins.match(" ".join(line.split())) for line in help.splitlines())
    return [re.split(r"[|<>)]", line[1])[0] for line in lines if line]


EVERY = every()


@pytest.mark.parametrize("path", EVERY)
def test_an_example_in_the_help(path: str) -> None:
    command = EVERY[path]
    assert (command.help or "").strip().splitlines()[0].endswith((".", ":", ","))
    # The word `of` may be left out, and is in all examples.
    found = examples(path.removesuffix(" of"), command)
    assert found, f"{path} --help shows no example"
    wrong = {line: said for line in found if (said := refusal(line, whole=True))}
    assert not wrong
