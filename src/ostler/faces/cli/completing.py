"""What the shell completes: commands, options, and the names of what is here.

Imported while a shell asks, and by nothing else; no hub and no server is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from ostler import settings
from ostler.errors import OstlerError
from ostler.settings import Settings
from ostler.store import Store

OF_CATALOGUE = ("compare", "recommend", "models", "cost")  # commands that know short names too
# `:`, `=` and `@` begin a new word for bash, and it replaces the last one alone.
BASH = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" word kind value before=""
    word="${line##*[[:space:]]}"
    [[ $word == *[:=@]* ]] && before="${word%%"${word##*[:=@]}"}"
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done < <(COMP_LINE="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(ShellComplete):
    """Completion in bash, by the line as it stands before the cursor."""

    name = "bash"
    source_template = BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{item.type},{item.value}"


class Name(click.types.StringParamType):
    """A text that the shell completes by what is here."""

    def __init__(self, known: Callable[[Settings, str], Iterable[str]]) -> None:
        self._known = known

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        try:
            home = ctx.find_root().params.get("home")
            names = self._known(settings.load(home=home), ctx.command_path.split()[1])
            return [CompletionItem(one) for one in names if one.startswith(incomplete)]
        except OstlerError:  # wrong settings, or a damaged home: the command itself will say so
            return []


def _models(here: Settings, command: str) -> list[str]:
    from ostler.core.naming import served_names

    kept = served_names(Store(here.home).models())
    names = [named.id for named in kept]
    # A bare name is enough where it can mean one model; two names for each would be a long list.
    names += [alias for named in kept for alias in named.aliases if alias.startswith("hf:")]
    if command in OF_CATALOGUE:
        from ostler.verbs import catalogue

        names += [entry.id for entry in catalogue.shelf(here.home).entries]
    return names


def _ids(here: Settings, command: str) -> list[str]:
    store = Store(here.home)
    if command == "jobs":
        return [one.id for one in store.jobs.all()]  # a server's are not worth the wait
    return [one.id for one in store.downloads.all()] if command == "downloads" else []


KNOWN: dict[str, Callable[[Settings, str], Iterable[str]]] = {
    "model": _models, "models": _models, "id": _ids,
}  # fmt: skip


def completes(command: click.Command) -> click.Command:
    """Let the shell complete a command's arguments that name what is here."""
    for param in command.params:
        if isinstance(param, click.Argument) and param.name in KNOWN:
            param.type = Name(KNOWN[param.name])
    if isinstance(command, click.Group):
        for below in command.commands.values():
            completes(below)
    return command


def script(program: str, shell: str, cli: click.Command) -> str:
    """Return what a shell has to read so that it completes the command."""
    found = get_completion_class(shell)
    assert found is not None
    return found(cli, {}, program, f"_{program.upper()}_COMPLETE").source()


add_completion_class(Bash)
