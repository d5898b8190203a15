"""Keeping for long: share, move, back up, carry, lose and find again, as an operator does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import HubForTests
from tests.stories.conftest import CHAT, SHIPPED, Inn, Shell, environment

LLAMA = "ostler/tiny-llama"
BIN = Path(sys.executable).parent


def outside(shell: Shell, *words: str, **env: str) -> str:
    """Run another program in the user's environment, without a hub to ask."""
    done = subprocess.run(
        words,
        env=shell.env | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"} | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def home_of(shell: Shell) -> Path:
    return Path(shell.env["OSTLER_HOME"])


def test_other_programs_find_what_is_kept_offline(shell: Shell) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    cache = shell.ok("env", "--hub-cache").out.strip()
    assert LLAMA in outside(shell, str(BIN / "hf"), "cache", "ls", HF_HUB_CACHE=cache)
    found = outside(
        shell,
        sys.executable,
        "-c",
        f"import huggingface_hub as h; print(h.snapshot_download('{LLAMA}'))",
        HF_HUB_CACHE=cache,
    ).strip()
    assert (Path(found) / "config.json").read_bytes() == (
        SHIPPED / LLAMA / "config.json"
    ).read_bytes()
    exports = shell.ok("env").out
    assert f"export HF_HUB_CACHE={cache}" in exports
    base = Path(shell.ok("env", "--plain").out.strip())
    assert (base / "tiny-llama/config.json").exists()
    shell.ok("rm", LLAMA, "--yes")
    shell.ok("env", "--plain")
    assert not (base / "tiny-llama").exists()


@pytest.mark.transformers
def test_transformers_loads_it_by_its_name_offline(shell: Shell) -> None:
    python = Path(shell.env["OSTLER_ENGINES"]) / "transformers/bin/python"
    if not python.exists():
        pytest.skip("the transformers engine is not installed")
    shell.ok("pull", LLAMA, "--quiet")
    cache = shell.ok("env", "--hub-cache").out.strip()
    code = (
        "from transformers import AutoModelForCausalLM as M;"
        f"print(M.from_pretrained('{LLAMA}').num_parameters())"
    )
    said = outside(shell, str(python), "-c", code, HF_HUB_CACHE=cache)
    expected = json.loads((SHIPPED / "expected.json").read_text())["models"][LLAMA]["parameters"]
    assert int(said.split()[-1]) == expected


def test_checksums_are_those_of_coreutils(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    sums = tmp_path / "checksums.txt"
    sums.write_text(shell.ok("checksums", LLAMA).out)
    folder = shell.ok("view", LLAMA).out.strip()
    done = subprocess.run(
        ["sha256sum", "-c", str(sums)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.count(": OK") == len(list((SHIPPED / LLAMA).iterdir()))
    absolute = shell.ok("checksums", LLAMA, "--absolute").out
    subprocess.run(["sha256sum", "-c", "--quiet"], input=absolute, text=True, check=True)


def test_removed_and_had_back(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    before = shell.ok("du", "--json").json()
    assert before["home"] == int(
        outside(shell, "du", "-sb", str(home_of(shell))).split(maxsplit=1)[0]
    )
    assert "ostler undo" in shell.ok("rm", CHAT, "--yes").out
    assert shell.ok("ls", "--json").json() == []
    (thrown,) = shell.ok("trash", "--json").json()
    assert thrown["models"][0]["name"] == CHAT
    assert shell.ok("gc", "--json").json()["bytes"] == 0
    shell.ok("restore", CHAT)
    assert "clean" in shell.ok("verify", CHAT).out
    shell.ok("rm", CHAT, "--yes")
    planned = shell.ok("gc", "--trash-days", "0", "--dry-run", "--json").json()["bytes"]
    assert shell.ok("gc", "--trash-days", "0", "--json").json()["bytes"] == planned > 0
    assert shell.run("undo").code == 15
    assert "all" in shell.ok("du").out.lower()


def test_dry_runs_leave_the_home_as_it_is(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    shell.ok("rm", LLAMA, "--yes")
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    shell.ok("backup", str(tmp_path / "b"))

    def stamp() -> str:
        files = sorted(
            p for p in home_of(shell).rglob("*") if p.is_file() and "locks" not in str(p)
        )
        lines = [f"{p} {p.stat().st_mtime_ns} {p.stat().st_size}" for p in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    before = stamp()
    for words in (
        ("undo",),
        ("gc", "--trash-days", "0"),
        ("archive", CHAT, "--to", str(tmp_path / "a")),
        ("backup", str(tmp_path / "b")),
        ("restore", "--from", str(tmp_path / "b")),
        ("rebuild",),
        ("import", str(SHIPPED / LLAMA), "--id", LLAMA),
        ("bundle", "create", CHAT, str(tmp_path / "x.tar")),
    ):
        assert json.loads(shell.ok(*words, "--dry-run", "--json").out) is not None
    assert stamp() == before
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "x.tar").exists()


def test_to_another_disk_and_back(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    shell.ok("archive", LLAMA, "--to", str(tmp_path / "cold"))
    assert shell.ok("ls", "--json").json() == []
    (noted,) = shell.ok("archive", "--list", "--json").json()
    assert noted["at"] == str(tmp_path / "cold")
    shell.ok("unarchive", LLAMA)
    assert "clean" in shell.ok("verify", LLAMA).out
    assert shell.run("unarchive", "ostler/nobody").code == 15


def test_backed_up_and_restored_into_an_empty_home(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    backup = str(tmp_path / "backup")
    shell.ok("backup", backup)
    again = shell.ok("backup", backup, "--keep", "1", "--json").json()
    assert again["copied"] == 0
    assert len(shell.ok("backup", backup, "--list", "--json").json()) == 1
    assert "clean" in shell.ok("backup", backup, "--verify").out
    assert "same" in shell.ok("verify", "--against", backup).out
    fresh = Shell(environment(tmp_path / "fresh", "http://127.0.0.1:9"))
    fresh.ok("restore", CHAT, "--from", backup)
    assert [one["name"] for one in fresh.ok("ls", "--json").json()] == [CHAT]
    fresh.ok("restore", "--from", backup)
    assert fresh.ok("verify").out.count("clean") == 2
    blob = max((tmp_path / "backup/blobs").rglob("*/*"), key=lambda p: p.stat().st_size)
    blob.chmod(0o644)
    blob.write_bytes(bytes(blob.stat().st_size))
    assert shell.run("backup", backup, "--verify").code == 1
    assert shell.run("verify", "--against", backup).code == 1
    third = Shell(environment(tmp_path / "third", "http://127.0.0.1:9"))
    assert third.run("restore", "--from", backup).code == 11


def test_carried_to_a_machine_without_a_network(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    shell.ok("bundle", "create", LLAMA, str(tmp_path / "x.tar"))
    inner = Shell(environment(tmp_path / "inner", "http://127.0.0.1:9"))
    inner.ok("bundle", "import", str(tmp_path / "x.tar"))
    assert "clean" in inner.ok("verify", LLAMA).out
    piped = subprocess.run(
        f'"{sys.executable}" -m ostler bundle create {LLAMA} - | '
        f'"{sys.executable}" -m ostler --home {tmp_path / "piped"} bundle import - --json',
        shell=True,
        env=shell.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout)["imported"][0]["name"] == LLAMA
    cut = tmp_path / "cut.tar"
    cut.write_bytes((tmp_path / "x.tar").read_bytes()[:-3000])
    assert Shell(environment(tmp_path / "c", "http://127.0.0.1:9")).run(
        "bundle", "import", str(cut)
    ).code == 19  # fmt: skip


def test_lost_records_are_made_anew(shell: Shell) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    shutil.rmtree(home_of(shell) / "models")
    assert shell.run("gc").code == 1
    rebuilt = shell.ok("rebuild", "--json").json()["rebuilt"]
    assert [one["name"] for one in rebuilt] == [LLAMA]
    assert shell.ok("ls", "--json").json()[0]["licence"] == "apache-2.0"
    assert "clean" in shell.ok("verify", LLAMA).out
    events = shell.ok("pull", LLAMA, "--json").out.splitlines()
    assert json.loads(events[-1])["fetched_bytes"] == 0


def test_taken_in_from_the_hubs_own_client(shell: Shell, tmp_path: Path) -> None:
    cache, folder = str(tmp_path / "cache"), str(tmp_path / "folder")
    hf = [str(BIN / "hf"), "download", LLAMA]
    env = shell.env | {"HF_HUB_CACHE": cache}
    subprocess.run(hf, env=env, capture_output=True, check=True)
    subprocess.run([*hf, "--local-dir", folder], env=env, capture_output=True, check=True)
    (taken,) = shell.ok("import", cache, "--offline", "--json").json()
    assert taken["name"] == LLAMA
    other = Shell(environment(tmp_path / "other", "http://127.0.0.1:9"))
    (again,) = other.ok("import", folder, "--id", LLAMA, "--link", "--json").json()
    assert again["commit"] == taken["commit"]
    assert "clean" in other.ok("verify").out
    assert outside(shell, *hf, HF_HUB_CACHE=cache).strip()  # its own cache still works


def test_rules_stop_a_pull(shell: Shell) -> None:
    refused = shell.run("pull", LLAMA, OSTLER_ALLOW="huggingface.co/*")
    assert refused.code == 34
    assert "OSTLER_ALLOW" in refused.err
    shell.ok("pull", LLAMA, "--quiet", OSTLER_ALLOW="127.0.0.1:*")
    assert shell.run("pull", LLAMA, OSTLER_PICKLE="perhaps").code == 2


def test_pickles_are_flagged_and_can_be_stopped(tmp_path: Path) -> None:
    from tests.stories.conftest import address_said, end

    root = tmp_path / "hub/acme/x"
    root.mkdir(parents=True)
    (root / "config.json").write_text("{}")
    (root / "pytorch_model.bin").write_bytes(b"PK")
    shell = Shell(environment(tmp_path / "home", ""))
    server = shell.background("hub", "serve", str(tmp_path / "hub"), "--port", "0")
    try:
        shell.env["HF_ENDPOINT"] = address_said(server)
        refused = shell.run("pull", "acme/x", OSTLER_PICKLE="block")
        assert refused.code == 33
        assert "runs the code" in refused.err
        assert shell.ok("ls", "--json").json() == []
        assert "unsafe_format" in shell.ok("pull", "acme/x").err
    finally:
        end(server)


def test_a_list_is_pulled_and_the_bad_one_named(shell: Shell, tmp_path: Path) -> None:
    names = tmp_path / "models.txt"
    names.write_text(f"# ours\n{CHAT}#q8_0\nostler/nobody\n\nostler/tiny-embed-GGUF  # small\n")
    done = shell.run("pull", "-f", str(names))
    assert done.code == 1
    assert "ostler/nobody" in done.err
    assert done.out.count(" ok") == 2
    assert len(shell.ok("ls", "--json").json()) == 2


def test_what_moved_on_upstream_is_listed(tmp_path: Path) -> None:
    from tests.stories.conftest import address_said, end

    root = tmp_path / "hub/acme/x"
    root.mkdir(parents=True)
    (root / "config.json").write_text("{}")
    shell = Shell(environment(tmp_path / "home", ""))
    server = shell.background("hub", "serve", str(tmp_path / "hub"), "--port", "0")
    try:
        shell.env["HF_ENDPOINT"] = address_said(server)
        shell.ok("pull", "acme/x", "--all", "--quiet")
        assert "as they are upstream" in shell.ok("outdated").out
        (root / "config.json").write_text('{"new": 1}')
        (moved,) = shell.ok("outdated", "--json").json()
        assert moved["outdated"] is True
        assert moved["upstream"] != moved["kept"]
    finally:
        end(server)
    (unknown,) = shell.ok("outdated", "--json").json()
    assert unknown["outdated"] is None
    assert unknown["because"]


def test_what_is_served_is_not_taken_away(inn: Inn, tmp_path: Path) -> None:
    inn.shell.ok("test", CHAT)
    refused = inn.shell.run("rm", CHAT, "--yes")
    assert refused.code == 32
    assert "ostler stop" in refused.err
    assert inn.shell.run("archive", CHAT, "--to", str(tmp_path)).code == 32
    assert os.listdir(tmp_path) == []


def test_what_is_kept_is_held_against_its_source(tmp_path: Path, hub: HubForTests) -> None:
    shell = Shell(environment(tmp_path / "home", hub.address))
    shell.ok("pull", "acme/tiny", "--quiet", "--exclude", "extra/*")
    (told,) = shell.ok("verify", "--hub", "--json").json()
    assert [(one["path"], one["kind"]) for one in told["upstream"]] == [
        ("extra/notes.txt", "not pulled")
    ]
    commit = told["commit"]
    hub.path("acme/tiny/config.json").write_bytes(b"{}")
    gone = shell.run("verify", "--hub")
    assert (gone.code, commit in gone.err) == (20, True)  # that commit is there no more
    shell.ok("pull", "folder:" + str(hub.path("acme/gated")), "--quiet")
    assert shell.ok("verify", "acme/gated", "--hub").out.count("clean") == 1
    assert shell.run("--offline", "verify", "--hub").code == 44


def test_what_was_found_damaged_is_not_served(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    blob = max((home_of(shell) / "blobs/sha256").rglob("*"), key=lambda p: p.stat().st_size)
    content = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert shell.run("verify").code == 1
    refused = shell.run("run", CHAT, "Hello")
    assert (refused.code, "damaged" in refused.err, "--repair" in refused.err) == (1, True, True)
    shell.ok("verify", "--repair")
    assert shell.ok("run", CHAT, "Hello", "--max-tokens", "3", "--quiet").out
    blob.unlink()
    gone = shell.run("run", CHAT, "Hello")
    assert (gone.code, "not whole" in gone.err) == (1, True)
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    assert shell.ok("run", CHAT, "Hello", "--max-tokens", "3", "--quiet").out
