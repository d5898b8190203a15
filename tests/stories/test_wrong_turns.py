"""Ten wrong turns of a newcomer: each ends in a sentence, and what it says leads back."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import HubForTests
from tests.stories.conftest import (
    CHAT,
    EMBED,
    Done,
    Shell,
    address_said,
    end,
    environment,
)  # fmt: skip
from tests.stories.test_wrong_input import OWN_MOUNTS

from ostler.faces.cli.app import ELSEWHERE, MODULES

QUIET = "--quiet"


@pytest.fixture
def outside(tmp_path: Path, hub: HubForTests) -> Shell:
    """A user of a hub with gated models, without a token."""
    return Shell(environment(tmp_path / "home", hub.address))


def hint(done: Done, code: int, *said: str) -> str:
    """The command failed with its own code in one sentence; return what it says to do."""
    assert done.code == code, (done.out, done.err)
    head, _, rest = done.err.partition("Error: ")
    assert "Error:" not in rest
    sentence, *way = rest.strip().splitlines()
    for text in said:
        assert text in sentence, (text, head, sentence)
    assert way, f"no way back: {done.err}"
    return " ".join(way)


def commands(text: str) -> list[list[str]]:
    """The commands that a hint names in quotes, as words after `ostler`."""
    return [one.split() for one in re.findall(r"`ostler ([^`]+)`", text)]


def test_no_token(outside: Shell, hub: HubForTests) -> None:
    way = hint(outside.run("pull", "acme/gated"), 5, "acme/gated", "no token was sent")
    assert f"{hub.address}/acme/gated" in way
    assert "HF_TOKEN" in way
    outside.ok("pull", "acme/gated", QUIET, HF_TOKEN=hub.granted)


def test_a_wrong_model_name(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    for command in (["info"], ["pull"], ["fit"]):
        way = hint(
            shell.run(*command, "ostler/tiny-lama-GGUF"), 6, "no model ostler/tiny-lama-GGUF"
        )
        meant = re.search(r"Did you mean (\S+)\?", way)
        assert meant
        shell.ok(*command, meant[1] if command != ["pull"] else f"{meant[1]}#q8_0")
    way = hint(shell.run("models", "info", "lama-3.1-8b"), 15, "Did you mean `llama-3.1-8b`")
    assert "ostler models" in way
    for text in ("tiny-llama-GGUF", "Tiny-Llama-gguf#q8_0"):
        whole = re.search(r"Write (\S+), as", hint(shell.run("info", text), 2, "an owner and"))
        assert whole, "what is kept here is told by its whole name"
        shell.ok("info", whole[1])
    assert "Write owner/name" in hint(shell.run("info", "nobody"), 2, "an owner and")
    way = hint(shell.run("info", f"{CHAT}:Q8_0"), 2, "behind a #")
    assert f"Write {CHAT}#q8_0." in way
    way = hint(shell.run("rm", f"{CHAT}#q2_k", "--yes"), 3, "available: q8_0")
    assert "#name" in way
    assert "--quant " not in way, "rm has no such option"


@pytest.mark.skipif(
    subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode != 0,
    reason="NO MOUNTS: this system lets nobody have mounts of their own, so no disk can be full",
)
def test_a_full_disk(shell: Shell, tmp_path: Path) -> None:
    """The hint is followed on the same small disk: the trash is emptied, and the model comes."""
    home = tmp_path / "small"
    home.mkdir()
    ostler = f'"{sys.executable}" -m ostler --home "$0"'
    script = f"""
        mount -t tmpfs -o size=6m tmpfs "$0"
        {ostler} pull {CHAT}#f32 {QUIET} --reserve 1kB && {ostler} rm {CHAT} --yes >&2
        {ostler} pull {CHAT}#q8_0 --reserve 2700kB; echo "code $?"
        {ostler} gc --trash-days 0 >&2
        {ostler} pull {CHAT}#q8_0 {QUIET} --reserve 2700kB; echo "code $?"
    """
    argv = [*OWN_MOUNTS, "sh", "-c", script, str(home)]
    done = subprocess.run(argv, env=shell.env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["code 10", "code 0"], done.stderr
    assert "MB free" in done.stderr
    assert "ostler gc" in done.stderr


def test_no_gpu(shell: Shell) -> None:
    """An engine that wants a GPU is named; the hint is to leave the choice to Ostler."""
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    ask = ["run", CHAT, "Hi", "--max-tokens", "1"]
    way = hint(shell.run(*ask, "--engine", "vllm"), 17, "vllm cannot run this model here")
    assert "Leave out --engine" in way
    assert shell.ok(*ask).code == 0
    assert "processor" in shell.ok("doctor", "--offline").out


def test_a_port_that_is_taken(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        way = hint(shell.run("serve", "--port", port), 14, port, "listens")
    assert "--port 0" in way
    server = shell.background("serve", "--port", "0")
    try:
        assert port not in address_said(server)
    finally:
        assert end(server) == 0


def test_an_engine_that_is_missing(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", "ostler/tiny-llama", QUIET)
    none = {"OSTLER_ENGINES": str(tmp_path / "none")}
    way = hint(
        shell.run("run", "ostler/tiny-llama", "Hi", **none), 17, "No engine here", "transformers"
    )
    (install,) = commands(way)
    assert install == ["engine", "install", "transformers"]
    assert "no finished installation" in shell.ok(*install, "--dry-run", **none).out
    why_not = shell.run("engine", "ostler/tiny-llama", "--explain", **none)
    assert "llamacpp" in why_not.out, "every engine says why it cannot"


def test_bad_yaml(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    wishes = Path(shell.env["OSTLER_HOME"]) / "ostler.yaml"
    wishes.write_text("# mine\nmodels:\n  a: [\n")
    way = hint(shell.run("pin", CHAT), 45, str(wishes), "line 4, column 1")
    assert "Mend that line" in way
    wishes.write_text("# mine\nmodels: {}\n")
    shell.ok("pin", CHAT)
    assert wishes.read_text().startswith("# mine\n"), "comments stay"
    wishes.write_text("models: [\n")
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        assert "is not YAML" in shell.ok("status").out, "a server that runs says it, too"
        assert "Cannot be met" in shell.ok("preload").out, "it is asked, not the file"
    finally:
        end(server)


def test_a_command_by_the_name_that_another_program_has_for_it(shell: Shell) -> None:
    """The nearest in letters would be wrong: `remove` is not `restore`."""
    for word in ("remove", "chat"):
        done = shell.run(word, CHAT)
        assert (done.code, f"That is `ostler {ELSEWHERE[word]}` here." in done.err) == (2, True)
    assert not ELSEWHERE.keys() & MODULES.keys()
    assert {meant.split()[0] for meant in ELSEWHERE.values()} <= {*MODULES, "--version"}


def test_a_path_with_nothing_at_it(shell: Shell, tmp_path: Path) -> None:
    way = hint(shell.run("import", str(tmp_path / "nobody")), 21, f"nothing at {tmp_path}")
    assert "path" in way


def test_a_model_that_was_moved_away(shell: Shell, tmp_path: Path) -> None:
    """Nobody has to fetch again what lies on another disk, nor look for where it went."""
    shelf = tmp_path / "shelf"
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    shell.ok("archive", CHAT, "--to", str(shelf))
    for command, code in ((["view"], 15), (["rm", "--yes"], 15), (["pull", "--offline"], 44)):
        way = hint(shell.run(*command, CHAT), code, f"was moved to {shelf}")
        assert commands(way) == [["unarchive", CHAT]]
    for command in (["info"], ["pull", "--dry-run"]):
        said = " ".join(shell.ok(*command, CHAT).out.split())
        assert f"moved to {shelf}" in said
        assert ["unarchive", CHAT] in commands(said)
    shell.ok("unarchive", CHAT)
    assert "moved to" not in shell.ok("pull", f"{CHAT}#f32", "--dry-run").out


def test_a_key_that_has_ended(served: tuple[Shell, str]) -> None:
    """For a caller, and for the hub's token."""
    shell, address = served
    key = shell.ok("keys", "create", "anna").out.strip()
    assert asked(address, key)[0] == 200
    shell.ok("keys", "revoke", "anna", "--yes")
    status, error = asked(address, key)
    assert (status, error["code"]) == (401, "auth_required")
    (create,) = commands(error["hint"])
    fresh = shell.ok(*[word.replace("NAME", "anna") for word in create]).out.strip()
    assert asked(address, fresh)[0] == 200


def test_a_token_that_has_ended(outside: Shell, hub: HubForTests) -> None:
    done = outside.run("pull", "acme/asks", HF_TOKEN="hf_of_last_year")
    way = hint(done, 7, "does not accept the token")
    assert "hf auth login" in way
    assert "hf_of_last_year" not in done.out + done.err
    outside.ok("pull", "acme/asks", QUIET, HF_TOKEN=hub.token)


def test_a_dead_engine(served: tuple[Shell, str]) -> None:
    shell, _ = served
    shell.ok("load", CHAT)
    os.kill(shell.ok("ps", "--json").json()["models"][0]["pid"], signal.SIGKILL)
    step = died(shell)
    assert "died" in step["what"], step
    assert "signal 9" in step["what"], step
    (load,) = commands(step["fix"])
    shell.ok(*load)
    # The next request starts it anew; nobody has to do anything.
    assert "OK" in shell.ok("test", CHAT).out


def test_offline(shell: Shell) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        way = hint(shell.run("pull", f"{CHAT}#q8_0", HF_ENDPOINT=nobody), 12, nobody, "not answer")
    assert "run the same command again" in way
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    way = hint(shell.run("run", EMBED, "Hi", "--offline"), 44, EMBED, "No hub may be asked")
    (ls,) = commands(way)
    assert CHAT in shell.ok(*ls).out
    assert shell.ok("run", CHAT, "Hi", "--max-tokens", "1", "--offline", HF_ENDPOINT=nobody)


@pytest.fixture
def served(shell: Shell) -> Iterator[tuple[Shell, str]]:
    """A server with one model and one key in force."""
    shell.ok("pull", f"{CHAT}#q8_0", QUIET)
    shell.ok("keys", "create", "owner", "--role", "operator")
    server = shell.background("serve", "--port", "0")
    try:
        yield shell, address_said(server)
    finally:
        end(server)


def asked(address: str, key: str) -> tuple[int, dict[str, str]]:
    """Ask for the models with a key; return the status and the error, where it is one."""
    request = urllib.request.Request(
        f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]


def died(shell: Shell) -> dict[str, str]:
    """What `ostler why` says last, once the death is known."""
    deadline = time.monotonic() + 30
    while True:
        step: dict[str, str] = shell.run("why", CHAT, "--json").json()["steps"][-1]
        if step["state"] == "fail" or time.monotonic() > deadline:
            return step
