"""What `--help` of a group of commands says."""

from __future__ import annotations

import click
from click.testing import CliRunner

from ostler.faces.cli.app import MODULES, ostler


def test_a_list_of_commands_has_whole_sentences() -> None:
    found = {name: ostler.get_command(click.Context(ostler), name) for name in MODULES}
    groups = {name: one for name, one in found.items() if isinstance(one, click.Group)}
    assert {"export", "keys", "hub"} <= groups.keys()
    for name, group in groups.items():
        said = CliRunner().invoke(ostler, [name, "--help"]).output
        listed = " ".join(said.partition("Commands:")[2].split())
        assert listed.endswith("."), name
        assert "..." not in listed, name
        assert all(f"{one} " in listed for one in group.commands), name
