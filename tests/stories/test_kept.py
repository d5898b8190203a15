"""Keeping models: list, look, verify, share, remove, as a user does."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stories.conftest import CHAT, SHIPPED, Shell


def test_from_nothing_to_kept_and_back(shell: Shell) -> None:
    assert "No models yet" in shell.ok("ls").out
    shell.ok("pull", f"{CHAT}#q8_0")
    (kept,) = shell.ok("ls", "--json").json()
    assert kept["id"] == f"{CHAT}#q8_0"
    assert kept["licence"] == "apache-2.0"
    assert kept["bytes"] == (SHIPPED / CHAT / "tiny-llama-Q8_0.gguf").stat().st_size
    assert "clean" in shell.ok("verify", CHAT).out
    shell.ok("rm", CHAT, "--yes", "--purge")
    assert shell.ok("ls", "--json").json() == []
    assert not list(Path(shell.env["OSTLER_HOME"]).glob("blobs/sha256/*/*"))


def test_a_dry_run_writes_nothing(shell: Shell) -> None:
    plan = json.loads(shell.ok("pull", f"{CHAT}#q8_0", "--dry-run", "--json").out)
    assert plan["event"] == "plan"
    assert plan["fits"] is True
    acts = {file["path"]: file["act"] for file in plan["files"]}
    assert acts["tiny-llama-Q8_0.gguf"] == "fetch"
    assert acts["tiny-llama-F32.gguf"] == "leave"
    assert not Path(shell.env["OSTLER_HOME"], "blobs").exists()


def test_a_second_pull_fetches_nothing_and_still_registers(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    events = [json.loads(e) for e in shell.ok("pull", f"{CHAT}#q8_0", "--json").out.splitlines()]
    assert events[-1]["event"] == "done"
    assert events[-1]["fetched_bytes"] == 0
    said = shell.ok("pull", f"{CHAT}#q8_0").err
    assert "all of it was here" in said
    assert "verified" not in said, "nothing was read again"


def test_progress_as_events_and_as_plain_lines(shell: Shell) -> None:
    done = shell.ok("pull", f"{CHAT}#f32", "--json")
    names = [json.loads(line)["event"] for line in done.out.splitlines()]
    assert names[0] == "plan"
    assert names[-1] == "done"
    assert names.count("file_done") == 2
    lines = shell.ok("pull", f"{CHAT}#q8_0").err
    assert "\x1b" not in lines
    assert "\r" not in lines
    assert "every byte verified" in lines


def test_two_quantizations_are_two_models(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    shell.ok("pull", f"{CHAT}#f32")
    assert {m["id"] for m in shell.ok("ls", "--json").json()} == {f"{CHAT}#f32", f"{CHAT}#q8_0"}
    ambiguous = shell.run("info", CHAT)
    assert ambiguous.code == 2
    assert "#f32" in ambiguous.err
    shell.ok("rm", f"{CHAT}#f32", "--yes")
    assert [m["id"] for m in shell.ok("ls", "--json").json()] == [f"{CHAT}#q8_0"]
    assert "clean" in shell.ok("verify").out


def test_facts_come_from_the_file(shell: Shell) -> None:
    expected = json.loads((SHIPPED / "expected.json").read_text())["models"]["ostler/tiny-llama"]
    shell.ok("pull", f"{CHAT}#q8_0")
    facts = shell.ok("info", CHAT, "--json").json()["facts"]
    assert facts["parameters"] == expected["parameters"]
    assert facts["architecture"] == "llama"
    assert facts["quantization"] == "q8_0"
    assert facts["context_length"] == 2048


def test_a_model_on_the_hub_is_looked_at_without_fetching_it(shell: Shell) -> None:
    looked = shell.ok("info", f"{CHAT}#f32", "--json").json()
    assert looked["kept"] is False
    assert looked["facts"]["dtype"] == "F32"
    fitted = shell.ok("fit", "ostler/tiny-llama", "--json").json()
    assert fitted["total_bytes"] == sum(term["bytes"] for term in fitted["terms"])
    assert not Path(shell.env["OSTLER_HOME"], "blobs").exists()


def test_what_is_kept_is_found_without_the_hub(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    found = shell.ok("search", "tiny", "--endpoint", "http://127.0.0.1:9", "--json").json()
    assert found["local_results_only"] is True
    assert found["hub_error"]
    assert [(one["name"], one["local"]) for one in found["results"]] == [(CHAT, True)]


def test_one_machine_fetches_the_others_take_from_it(shell: Shell, tmp_path: Path) -> None:
    from tests.stories.conftest import address_said, end, environment

    shell.ok("pull", f"{CHAT}#q8_0")
    server = shell.background("hub", "serve", "--store", "--port", "0")
    try:
        other = Shell(environment(tmp_path / "other", address_said(server)))
        other.ok("pull", f"{CHAT}#q8_0")
        mine, theirs = shell.ok("ls", "--json").json(), other.ok("ls", "--json").json()
        assert mine[0]["commit"] == theirs[0]["commit"]
        assert "clean" in other.ok("verify").out
    finally:
        end(server)


def test_rm_asks_and_refuses_without_a_terminal(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    refused = shell.run("rm", CHAT)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert len(shell.ok("ls", "--json").json()) == 1


def test_settings_say_where_they_come_from(shell: Shell) -> None:
    shown = shell.ok("config", "--json", OSTLER_PORT="9000").json()
    assert shown["port"] == {"value": 9000, "origin": "OSTLER_PORT"}
    assert shown["endpoint"]["origin"] == "HF_ENDPOINT"
    assert shown["host"] == {"value": "127.0.0.1", "origin": "default"}
