"""Write `docs/reference/` from the code: refusals, commands, settings, API, metrics, JSON.

`python tools/reference.py` writes the pages; `--check` only says whether they are current.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import api_page
import metrics_page
from ostler import errors
from ostler.faces.cli import shapes
from ostler.faces.cli.app import COMMANDS, ostler
from ostler.settings import ALSO, load

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
ERRORS = """# Errors

The code is a word that never changes; `--json` and the API give it. A command ends with the exit
code, the API answers with the HTTP status. 0 is success, 130 an interrupt, 70 a bug of ours.

| exit code | code | HTTP | what it means |
|---|---|---|---|
"""
SETTINGS = """# Settings

A flag wins over the environment, that over the file `settings.toml` in the home, that over the
default. `ostler config` shows yours, and where each comes from. The file holds lines such as
`port = 9000` or `max_speed = "20MB/s"`; `home` itself cannot stand in it.

| setting | environment | default | what it is |
|---|---|---|---|
"""
MADE = "<!-- Made by tools/reference.py from the code; edit that, not this. -->\n\n"


def main() -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    check = parser.parse_args().check
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path.name}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path])
    return 1 if check and stale else 0


def pages() -> dict[Path, str]:
    """Every page, by where it goes."""
    return {
        FOLDER / "errors.md": MADE + errors_page(),
        FOLDER / "commands.md": MADE + commands_page(),
        FOLDER / "settings.md": MADE + settings_page(),
        FOLDER / "api.md": MADE + api_page.page(),
        FOLDER / "json.md": MADE + json_page(),
        FOLDER / "metrics.md": MADE + metrics_page.page(),
    }


def errors_page() -> str:
    """The table of refusals, by exit code."""
    rows = [
        f"| {kind.exit_code} | `{kind.code}` | {kind.http_status} | {kind.__doc__} |"
        for kind in sorted(errors.every(), key=lambda kind: (kind.exit_code, kind.code))
    ]
    return ERRORS + "\n".join(rows) + "\n"


def commands_page() -> str:
    """Every command's help, as the command prints it."""
    parts = ["# Commands\n"]
    root = click.Context(ostler, info_name="ostler", max_content_width=96, terminal_width=96)
    for title, group in COMMANDS.items():
        parts.append(f"## {title}\n")
        for name in group:
            command = ostler.get_command(root, name)
            parts += helps(command, root, name) if command else []
    return "\n".join(parts)


def helps(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    """The help of a command and of the commands below it."""
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=96, terminal_width=96
    )
    yield f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found:
                yield from helps(found, context, below)


def settings_page() -> str:
    """The table of settings with their defaults."""
    shown = load({}, home="~/.ostler")
    rows = []
    for name in shown.origins:
        value = "`~/.ostler`" if name == "home" else f"`{getattr(shown, name)}`"
        also = f", `{ALSO[name]}`" if name in ALSO else ""
        rows.append(f"| `{name}` | `OSTLER_{name.upper()}`{also} | {value} | {WHAT[name]} |")
    return SETTINGS + "\n".join(rows) + "\n"


JSON = """# What `--json` prints

Each command's document; `ostler schema COMMAND` prints the same as JSON Schema, and the tests hold
every command to it. A name with `?` may be missing. `null` means unknown, or that there is none.
Names in `_bytes` are bytes, in `_seconds` seconds, in `_cents` US cents; `at` is UTC, ISO 8601;
`because`, `why` and `what` are sentences for people.

A command that is refused prints `{"error": Error}` to standard output, and ends with the
[exit code](errors.md) of that refusal.
"""


def json_page() -> str:
    """What each command prints, then the shapes that several share."""
    parts, shared = [JSON], list[str]()
    for name in shapes.declared()["commands"]:
        each = ", one document a line" if shapes.in_lines(name) else ""
        parts.append(f"## ostler {name}\n")
        for when, shape in shapes.cases(name).items():
            said = when.replace("--", "`--", 1) + "`" * when.startswith("--") if when else ""
            parts.append(f"{said}{each}:\n" if said else "")
            parts.append(f"```text\n{written(shape, shared)}\n```\n")
    parts.append("## Shapes\n")
    for name in shared:  # it grows as they name others
        of = shapes.meant(name)
        fields = shapes.fields(of) if isinstance(of, dict) else of
        parts.append(f"### {short(name)}\n\n```text\n{written(fields, shared)}\n```\n")
    return "\n".join(part for part in parts if part)


def written(shape: Any, shared: list[str], indent: str = "") -> str:
    """A shape as a reader wants it; what it names is added to `shared`."""
    if isinstance(shape, list):
        return f"[{written(shape[0], shared, indent)}]"
    if isinstance(shape, dict):
        deeper = indent + "  "
        lines = [
            f"{deeper}{'(any name)' if name == shapes.REST else name.removeprefix(shapes.MAYBE)}"
            f"{'?' * name.startswith(shapes.MAYBE)}: {written(of, shared, deeper)}"
            for name, of in shapes.fields(shape).items()
        ]
        return "\n".join(["{", *lines, f"{indent}}}"]) if lines else "{}"
    plain = shape.removesuffix(shapes.NULL)
    null = shapes.NULL if plain != shape else ""
    if plain.startswith("="):
        return f'"{plain[1:]}"'
    if plain not in shapes.SIMPLE and plain not in shared:
        shared.append(plain)
    return (plain if plain in shapes.SIMPLE else short(plain)) + null


def short(name: str) -> str:
    """A shape's name without its module, but where two modules have one of the same name."""
    module, _, last = name.rpartition(".")
    return last if last not in SEVERAL else f"{module.rpartition('.')[2]}.{last}"


SEVERAL = ("Finding", "Standing", "Made")  # names that more than one module has

WHAT = {
    "home": "where models, logs and state are kept",
    "endpoint": "the hub to search and fetch from; several, by commas, are mirrors tried in order",
    "offline": "yes: ask no hub, and use only what is kept here",
    "engines": "where engine environments are; without it `<home>/engines`",
    "host": "the address that `ostler serve` listens on",
    "port": "its port",
    "engine_ports": "the ports that engines may take",
    "workers": "files fetched at the same time",
    "max_speed": "bytes a second that one pull may take, such as `2MB/s`; empty: no cap",
    "reserve": "bytes that a pull leaves free, such as `5GB`; empty: 1 GiB, or 5 % if less",
    "budget": "bytes that all models may take together, such as `500GB`; empty: the whole disk",
    "threads": "CPU threads of an engine; without it the engine's own choice",
    "context": "tokens of context for each sequence; without it the model's own, up to 8192",
    "licence_use": "what models are used for: private, research or commercial; decides by licence",
    "licence_policy": "the file of the licence policy; without it `<home>/licences.yaml`",
    "pickle": "weights that run code when they are loaded (pickle): `allow`, `warn` or `block`",
    "allow": "globs of sources to fetch from, `huggingface.co/meta-llama/*`; empty allows all",
    "trash_days": "days for which `ostler undo` can bring a removed model back",
    "disk_warn_gb": "GB (10^9 bytes) free below which `ostler du` warns",
    "disk_critical_gb": "GB free below which it says that room is critical",
    "monthly_usd": "US dollars a month for rented GPUs, which `ostler cost` holds sums against",
    "allow_hosts": "other names, by commas, by which callers without a key may call the server",
    "allow_origins": "web pages that may ask from a browser, such as `https://chat.example`",
    "launcher": "how engines are run: `process` or `container`",
    "container_socket": "of Docker or Podman; empty: as `DOCKER_HOST` says, or the usual place",
    "container_user": "uid:gid that engines in containers run as; empty: the models' owner",
    "otlp": "where a trace of each request goes (OTLP over HTTP), such as `http://127.0.0.1:4318`",
    "dashboard": "web pages at `/dashboard`; no: none",
    "database": "the URL of a PostgreSQL database for keys and events; without it a file",
}
assert set(WHAT) == set(load({}).origins), "every setting is described"


if __name__ == "__main__":
    sys.exit(main())
