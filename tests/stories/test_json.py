"""What every command prints with --json is as its schema says, seen in one whole life."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from tests.docs.test_examples import EVERY
from tests.stories.conftest import SHIPPED, Shell, address_said, end, environment
from tests.stories.everything import CHAT, EMBED, FILES, LIFE, RERANK, SERVED

from ostler.faces.cli import app, shapes
from ostler.nouns import Download, Job
from ostler.store import Store

# A command leaves its connections to the end of its process, which here goes on.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
OF_GROUPS = ("engine",)  # a model's name may stand where its command `of` would


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[dict[str, str]]:
    """What each line printed, by the line."""
    place = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as patch:
        env = environment(place / "home", shipped_hub)
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        shell = Shell(env)
        settle(shell, place)
        found = {line: printed(line, place) for line in LIFE}
        server = shell.background("serve", "--port", "0")
        try:
            address_said(server)
            found |= {f"{line} (served)": printed(line, place) for line in SERVED}
        finally:
            end(server)
        yield found


def settle(shell: Shell, place: Path) -> None:
    """Keep three models, and leave what a killed download and a killed job leave."""
    for model in (CHAT, EMBED, RERANK):
        shell.ok("pull", model, "--all", "--quiet")
    (place / "lists").mkdir()
    for name, text in FILES.items():
        (place / "lists" / name).write_text(text)
    store, now = Store(place / "home"), time.time()
    for id, model in (("00000001", CHAT), ("00000002", EMBED)):
        store.downloads.tell(
            Download(id, model, "0" * 40, None, (model,), "here", 1, now, now, 5, 10)
        )
    store.jobs.tell(Job("00000003", "quantize", CHAT, "local/x", "here", 1, now, now))


def printed(line: str, place: Path) -> str:
    """Run one line in this process and return what it printed; its exit code is as announced."""
    fill = {"tmp": place, "lists": place / "lists", "shipped": SHIPPED / "ostler"}
    words = [word.format(**fill) for word in line.lstrip("-~").split()]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: object = app._run([*words, "--json"])
    except SystemExit as ended:
        code = ended.code
    assert line[0] == "~" or bool(code) is line.startswith("-"), (
        line,
        code,
        out.getvalue(),
        err.getvalue(),
    )
    return out.getvalue()


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
