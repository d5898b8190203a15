"""A user's way through the hub: other sources, a mirror, roles."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.stories.conftest import SHIPPED, Shell, address_said, end

MODEL = "ostler/tiny-embed-GGUF"
SMALL = "ostler/tiny-embed"


def test_models_come_from_modelscope_a_folder_and_git(shell: Shell, shipped_hub: str) -> None:
    places = {
        "ms": f"ms:{MODEL}",
        "folder": f"folder:{SHIPPED / SMALL}",
        "git": f"git:{shipped_hub}/ostler/tiny-rerank",
    }
    if shutil.which("git") is None:
        del places["git"]
    for source, place in places.items():
        planned = shell.ok("pull", place, "--dry-run", "--json", MODELSCOPE_ENDPOINT=shipped_hub)
        assert json.loads(planned.out.splitlines()[0])["fetch_bytes"] > 0
        shell.ok("pull", place, "--quiet", MODELSCOPE_ENDPOINT=shipped_hub)
        again = shell.ok("pull", place, "--json", MODELSCOPE_ENDPOINT=shipped_hub)
        assert json.loads(again.out.splitlines()[0])["fetch_bytes"] == 0
        kept = list((Path(shell.env["OSTLER_HOME"]) / "models" / source).glob("*/*/*.json"))
        assert len([path for path in kept if path.stem != "refs"]) == 1
    assert shell.ok("verify").out.count("clean") == len(places)
    known = {one["name"]: one["licence"] for one in shell.ok("ls", "--json").json()}
    assert known[SMALL] == "apache-2.0"  # as the card in the folder says
    assert (
        known.get("ostler/tiny-rerank", "apache-2.0") == "apache-2.0"
    )  # and the one in the repository


@pytest.mark.parametrize(
    ("place", "code", "says"),
    [
        ("folder:/no/such/place", 6, "There is no folder"),
        ("folder:acme/kept", 2, "not a place to fetch from"),
        ("git:https://me:secret@host/a/b", 2, "password"),
        ("git:ext::sh -c id", 2, "not a repository id"),
    ],
)
def test_places_that_cannot_be(shell: Shell, place: str, code: int, says: str) -> None:
    done = shell.run("pull", place)
    assert (done.code, says in done.err) == (code, True), done.err


def test_a_mirror_serves_on_when_the_hub_outside_is_gone(
    shell: Shell, shipped_hub: str, tmp_path: Path
) -> None:
    other = Shell({**shell.env, "OSTLER_HOME": str(tmp_path / "reader")})
    words = ("hub", "serve", "--store", "--port", "0", "--upstream")
    mirror = shell.background(*words, shipped_hub)
    try:
        address = address_said(mirror)
        other.ok("pull", MODEL, "--all", "--quiet", "--endpoint", address)
    finally:
        assert end(mirror) == 0
    gone = shell.background(*words, "http://127.0.0.1:1")
    try:
        late = Shell({**shell.env, "OSTLER_HOME": str(tmp_path / "late")})
        late.ok("pull", MODEL, "--all", "--quiet", "--endpoint", address_said(gone))
    finally:
        assert end(gone) == 0
    assert MODEL in late.ok("ls").out
    assert MODEL in shell.ok("ls").out


def test_only_operators_make_the_hub_download(
    shell: Shell, shipped_hub: str, tmp_path: Path
) -> None:
    (tmp_path / "readers").write_text("hf_reader\n")
    (tmp_path / "operators").write_text("hf_operator\n")
    hub = shell.background(
        *("hub", "serve", "--store", "--port", "0", "--upstream", shipped_hub),
        *("--token-file", str(tmp_path / "readers"), "--operators", str(tmp_path / "operators")),
    )
    try:
        address = address_said(hub)

        def status(token: str) -> int:
            url = f"{address}/{SMALL}/resolve/main/config.json"
            asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
            try:
                with urllib.request.urlopen(asked, timeout=20) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        asked = [status(token) for token in ("nobody", "hf_reader", "hf_operator", "hf_reader")]
        assert asked == [401, 404, 200, 200]
    finally:
        assert end(hub) == 0


def test_a_mirror_needs_a_store_and_operators_where_others_reach_it(shell: Shell) -> None:
    no_store = shell.run("hub", "serve", str(SHIPPED), "--upstream", "http://127.0.0.1:1")
    assert (no_store.code, "--store" in no_store.err) == (2, True)
    open_to_all = shell.run(
        "hub", "serve", "--store", "--host", "0.0.0.0", "--anyone", "--upstream", "http://x"
    )
    assert (open_to_all.code, "--operators" in open_to_all.err) == (2, True)


def test_an_import_is_held_against_the_source_that_it_names(
    shell: Shell, shipped_hub: str, tmp_path: Path
) -> None:
    shell.env["MODELSCOPE_ENDPOINT"] = shipped_hub
    shell.env["HF_ENDPOINT"] = "http://127.0.0.1:9"  # nothing here is asked of the Hub
    shell.ok("pull", f"ms:{MODEL}", "--all", "--quiet")
    (pulled,) = shell.ok("ls", "--json").json()[:1]
    other = Shell({**shell.env, "OSTLER_HOME": str(tmp_path / "other")})
    said = other.ok("import", str(SHIPPED / MODEL), "--id", f"ms:{MODEL}").out
    assert "held against the hub" in said
    taken = other.ok("ls", "--json").json()[0]
    assert (taken["commit"], taken["origin"]) == (pulled["commit"], shipped_hub)
    assert "as they are upstream" in other.ok("outdated").out
    assert "As its source lists it" in other.ok("verify", "--hub").out
