"""What is done to kept models is told afterwards: by whom, to what, and from where."""

from __future__ import annotations

from pathlib import Path

from tests.stories.conftest import SHIPPED, Shell, environment

LLAMA = "ostler/tiny-llama"


def test_every_act_on_kept_models_is_told(shell: Shell, tmp_path: Path) -> None:
    cold, safe, tar = str(tmp_path / "cold"), str(tmp_path / "safe"), str(tmp_path / "x.tar")
    shell.ok("pull", LLAMA, "--quiet")
    for words in (
        ("bundle", "create", LLAMA, tar),
        ("backup", safe),
        ("rm", LLAMA, "--yes"),
        ("undo",),
        ("archive", LLAMA, "--to", cold),
        ("unarchive", LLAMA),
        ("rm", LLAMA, "--yes", "--purge"),
        ("restore", LLAMA, "--from", safe),
        ("import", str(SHIPPED / "ostler/tiny-embed"), "--id", "my/own", "--offline"),
    ):
        shell.ok(*words, "--dry-run" if words[0] == "bundle" else "--json")
    home = Path(shell.env["OSTLER_HOME"])
    for manifest in (home / "models/hf/ostler").rglob("*.json"):
        manifest.unlink()
    shell.ok("rebuild")
    (home / "blobs/sha256/aa").mkdir(exist_ok=True)
    (home / "blobs/sha256/aa" / ("aa" * 32)).write_bytes(b"nobody's")
    shell.ok("gc", "--trash-days", "0")
    told = shell.ok("history", "--json").json()
    acts = {one["act"] for one in told}
    wanted = {"pull", "backup", "rm", "undo", "archive", "unarchive", "restore", "import",
              "rebuild", "gc"}  # fmt: skip
    assert wanted <= acts
    subjects = {one["act"]: one["subject"] for one in told}
    assert {subjects[act] for act in ("undo", "archive", "restore", "rebuild")} == {LLAMA}
    assert all(one["actor"].startswith("cli:") for one in told)
    archived = next(one for one in told if one["act"] == "archive")
    assert (archived["facts"]["to"], len(archived["facts"]["commit"])) == (cold, 40)

    shell.ok("bundle", "create", LLAMA, tar)
    fresh = Shell(environment(tmp_path / "fresh", "http://127.0.0.1:9"))
    fresh.ok("bundle", "import", tar)
    (one,) = fresh.ok("history", "--json").json()
    assert (one["act"], one["subject"]) == ("bundle import", LLAMA)


def test_what_is_only_planned_is_not_told(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    for words in (("gc",), ("archive", LLAMA, "--to", str(tmp_path / "x")), ("rebuild",)):
        shell.ok(*words, "--dry-run")
    shell.ok("gc")  # there was nothing to take away
    assert {one["act"] for one in shell.ok("history", "--json").json()} == {"pull"}
