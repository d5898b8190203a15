"""What every command prints, seen in one whole life: JSON as declared, tables that fit."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from tests.docs.test_examples import EVERY
from tests.stories.conftest import SHIPPED, Shell, address_said, end, environment
from tests.stories.everything import CHAT, EMBED, FILES, LIFE, RERANK, SERVED, TABLES

from ostler.faces.cli import app, shapes
from ostler.faces.cli.tables import cells
from ostler.nouns import Download, Job
from ostler.store import Store

pytestmark = pytest.mark.timeout(600)  # the first test waits for all of that life
OF_GROUPS = ("engine",)  # a model's name may stand where its command `of` would
WIDTHS = (60, 80, 120)
# Runs the lines that it is given with --json, and prints what each ended with and printed.
RUNNER = [sys.executable, "-c", """
import contextlib, io, json, sys
from ostler.faces.cli import app
said = []
for line in sys.stdin.read().splitlines():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            code = app._run([*line.split(), "--json"])
        except SystemExit as ended:
            code = ended.code
    said.append((code, out.getvalue()))
print(json.dumps(said))
"""]  # fmt: skip
# Runs the lines that it is given, and marks where a table begins and ends.
DRIVER = [sys.executable, "-c", """
import sys
from ostler.faces.cli import app, show
table = show.table
def marked(*given, **more):
    print("<<table"); table(*given, **more); print("table>>", flush=True)
show.table = marked
for line in sys.stdin.read().splitlines():
    print("$ ostler", line, flush=True)
    try:
        app._run(line.split())
    except SystemExit:
        pass
"""]  # fmt: skip


@dataclass(frozen=True)
class Life:
    """What each line printed with --json, and what a terminal showed, by its width."""

    said: dict[str, str]
    shown: dict[str, str]  # "60", "80", "120", "dumb", "piped"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Life:
    place = tmp_path_factory.mktemp("life")
    env = environment(place / "home", shipped_hub)
    shell = Shell(env)
    settle(shell, place)
    said = printed(LIFE, env, place)
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        half = SERVED.index("=tables")
        served = printed(SERVED[:half], env, place)
        shown = looks(env, place)
        served |= printed(SERVED[half + 1 :], env, place)
    finally:
        end(server)
    return Life(said | {f"{line} (served)": text for line, text in served.items()}, shown)


@pytest.fixture
def said(life: Life) -> dict[str, str]:
    return life.said


def looks(env: dict[str, str], place: Path) -> dict[str, str]:
    """What the commands with tables show in terminals of three widths, in a dumb one, in a pipe."""
    lines = [one.format(tmp=place) for one in TABLES]
    colours = {name: value for name, value in env.items() if name != "NO_COLOR"}
    plain, dumb = colours | {"NO_COLOR": "1", "TERM": "xterm"}, colours | {"TERM": "dumb"}
    return {
        **{str(width): in_terminal(plain, width, lines) for width in WIDTHS},
        "dumb": in_terminal(dumb, 80, lines),
        "colours": in_terminal(colours | {"TERM": "xterm"}, 80, lines[:5]),
        "piped": subprocess.run(
            DRIVER, input="\n".join(lines), env=colours | {"TERM": "xterm", "COLUMNS": "60"},
            capture_output=True, text=True, check=True,
        ).stdout,
    }  # fmt: skip


def in_terminal(env: dict[str, str], width: int, lines: Sequence[str]) -> str:
    """Run lines in one process at a real terminal of so many columns; return what it showed."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    shown = b""
    with subprocess.Popen(
        DRIVER, env=env, stdin=subprocess.PIPE, stdout=follower, stderr=follower, text=True
    ) as driver:
        os.close(follower)
        assert driver.stdin
        driver.stdin.write("\n".join(lines))
        driver.stdin.close()
        with contextlib.suppress(OSError):  # its other end is closed
            while more := os.read(leader, 65536):
                shown += more
    os.close(leader)
    assert driver.returncode == 0, shown.decode()[-2000:]
    return shown.decode().replace("\r\n", "\n")


def settle(shell: Shell, place: Path) -> None:
    """Keep three models, and leave what a killed download and a killed job leave."""
    for model in (CHAT, EMBED, RERANK):
        shell.ok("pull", model, "--all", "--quiet")
    (place / "lists").mkdir()
    for name, text in FILES.items():
        (place / "lists" / name).write_text(text)
    store, now = Store(place / "home"), time.time()
    for id, model in (("00000001", CHAT), ("00000002", EMBED), ("00000003", CHAT)):
        store.downloads.tell(
            Download(id, model, "0" * 40, None, (model,), "here", 1, now, now, 5, 10)
        )
    for id in ("00000003", "00000004"):
        store.jobs.tell(Job(id, "quantize", CHAT, f"local/{id}", "here", 1, now, now))


def printed(lines: Sequence[str], env: dict[str, str], place: Path) -> dict[str, str]:
    """Run lines in one process; return what each printed. Their exit codes are as announced."""
    fill = {"tmp": place, "lists": place / "lists", "shipped": SHIPPED / "ostler"}
    asked = [line.lstrip("-~").format(**fill) for line in lines]
    done = subprocess.run(
        RUNNER, env=env, input="\n".join(asked), capture_output=True, text=True, check=True
    )
    found = {}
    for line, (code, out) in zip(lines, json.loads(done.stdout), strict=True):
        assert line[0] == "~" or bool(code) is line.startswith("-"), (line, code, out)
        found[line] = out
    return found


def command_of(line: str) -> str:
    """The command's own name in a line, as the schemas have it."""
    words = line.lstrip("-~").split()
    for count in (3, 2, 1):
        name = " ".join(words[:count])
        if f"ostler {name}" in EVERY and name not in OF_GROUPS:
            return name
    return f"{words[0]} of"


def documents(text: str) -> Iterator[Any]:
    """The JSON documents of a text, one after the other."""
    at, decoder, text = 0, json.JSONDecoder(), text.strip()
    while at < len(text):
        value, end_ = decoder.raw_decode(text, at)
        yield value
        at = end_ + len(text[end_:]) - len(text[end_:].lstrip())


def tables(shown: str) -> Iterator[tuple[str, list[str]]]:
    """Each table that was shown, with the command before it."""
    command, table = "", None
    for line in shown.splitlines():
        if line.startswith("$ ostler "):
            command = line
        elif line == "<<table":
            table = []
        elif line == "table>>":
            assert table is not None
            yield command, table
            table = None
        elif table is not None:
            table.append(line)


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_fit_the_terminal(life: Life, width: int) -> None:
    found = list(tables(life.shown[str(width)]))
    with_rows = {command for command, table in found if len(table) > 1}
    lines = life.shown[str(width)].splitlines()
    every = {line for line in lines if line.startswith("$ ostler ")}
    assert len(every) == len(TABLES)
    assert every == with_rows, f"no table: {sorted(every - with_rows)}"
    wide = [
        f"{command}: {line}"
        for command, table in found
        for line in table
        # A word that is longer than the room beside its title is whole, so that it can be copied.
        if cells(line) > width and len(line.split()) > 2
    ]
    assert not wide, "\n".join(wide)


def test_what_is_piped_is_whole_and_plain(life: Life) -> None:
    assert "Too narrow" not in life.shown["piped"]
    assert "…" not in life.shown["piped"]
    assert "\x1b" not in life.shown["piped"]
    rows = {width: sum(len(t) for _, t in tables(life.shown[width])) for width in ("piped", "120")}
    assert rows["piped"] <= rows["120"], "a row is one line where nothing has to fit"


def test_colours_go_where_nobody_wants_them(life: Life) -> None:
    assert "\x1b[" in life.shown["colours"]
    for how in ("60", "80", "120", "dumb"):
        assert "\x1b" not in life.shown[how], how


def test_what_is_printed_is_as_declared(said: dict[str, str]) -> None:
    checks = {
        name: jsonschema.Draft202012Validator(shapes.schema(name))
        for name in {command_of(line) for line in said}
    }
    wrong = []
    for line, text in said.items():
        every = list(documents(text))
        assert every, line
        for one in every:
            for flaw in checks[command_of(line)].iter_errors(one):
                best = jsonschema.exceptions.best_match([flaw])
                wrong.append(f"{line}: {best.json_path}: {best.message[:300]}")
    assert not wrong, "\n".join(wrong)


def test_every_command_with_json_is_in_that_life(said: dict[str, str]) -> None:
    """None is left undeclared, none is declared that is not, and each is seen printing more
    than a refusal."""
    printing = {
        path.removeprefix("ostler ")
        for path, command in EVERY.items()
        if any("--json" in param.opts for param in command.params)
        and not (isinstance(command, click.Group) and not command.invoke_without_command)
    }
    assert set(shapes.declared()["commands"]) == printing
    good = {
        command_of(line)
        for line, text in said.items()
        if any(not (isinstance(one, dict) and set(one) == {"error"}) for one in documents(text))
    }
    assert good == printing


def test_a_schema_refuses_what_is_otherwise() -> None:
    """A field too many, one too few, or one of another type is seen."""
    check = jsonschema.Draft202012Validator(shapes.schema("keys revoke"))
    good = {"name": "anna", "revoked": True, "server_knows": False}
    assert check.is_valid(good)
    assert not check.is_valid(good | {"more": 1})
    assert not check.is_valid({"name": "anna", "revoked": True})
    assert not check.is_valid(good | {"revoked": "yes"})
    assert check.is_valid({"error": {"code": "unknown_key", "message": "There is none."}})


@pytest.mark.parametrize("name", shapes.declared()["commands"])
def test_each_schema_is_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app._run(["schema", *name.split()]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))
