"""Files that others start from: written, changed, gone, stale; `ostler sync` says and mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, EMBED, Inn, Shell

SAFE = "ostler/tiny-llama"
SEED = """\
# as the guide has it
services:
  new_model_0:
    image: vllm/vllm-openai:v0.6.0
    volumes:
      - ${MODEL_BASE_PATH}/new-model:/model:ro
    command: [--model, /model]   # by hand
  router:
    image: acme/router:1
"""


def kinds(shell: Shell, *words: str) -> list[str]:
    done = shell.run("sync", "--check", "--json", *words)
    found = json.loads(done.out)
    assert done.code == (0 if found["in_sync"] else 1)
    assert all(one["what"] and one["fix"] for one in found["differences"])
    return [one["kind"] for one in found["differences"]]


@pytest.fixture
def kept(shell: Shell) -> Shell:
    shell.ok("pull", SAFE, "--quiet")
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    return shell


MINE = "# mine\nservices:\n  web:\n    image: nginx:1  # pinned\n"


@pytest.fixture
def files(kept: Shell, tmp_path: Path) -> tuple[Path, Path]:
    """A unit of ours, and a Compose file of the user's with a service of ours."""
    unit, compose = tmp_path / "a.service", tmp_path / "compose.yml"
    compose.write_text(MINE)
    kept.ok("export", "systemd", CHAT, "--out", str(unit))
    kept.ok("export", "compose", SAFE, "--gpu", "0", "--into", str(compose))
    return unit, compose


def test_what_was_changed_or_lost_is_told_and_mended(kept: Shell, files: tuple[Path, Path]) -> None:
    unit, compose = files
    written = unit.read_bytes(), compose.read_bytes()
    assert kinds(kept) == []
    unit.write_bytes(written[0] + b"# by hand\n")
    compose.write_text(compose.read_text().replace("'2048'", "'4096'"))
    assert sorted(kinds(kept)) == ["file_edited", "file_edited"]
    done = kept.ok("sync")
    assert (unit.read_bytes(), compose.read_bytes()) == written
    assert "-# by hand" in done.out
    assert "The file as it was" in done.err
    assert len(list(unit.parent.glob("a.service.bak-*"))) == 1
    unit.unlink()
    assert kinds(kept) == ["file_gone"]
    kept.ok("sync")
    assert unit.read_bytes() == written[0]


def test_what_would_be_other_now_or_has_no_model_is_told_and_mended(
    kept: Shell, files: tuple[Path, Path]
) -> None:
    unit, compose = files
    kept.env["OSTLER_CONTEXT"] = "512"  # what would run is another process now
    assert kinds(kept) == ["file_stale"]
    kept.ok("sync")
    assert b"512" in unit.read_bytes()
    kept.ok("rm", CHAT, "--yes")
    assert not unit.exists()
    for manifest in Path(kept.env["OSTLER_HOME"], "models").rglob("*.json"):
        manifest.unlink()  # lost, not removed by a command
    assert kinds(kept) == ["file_orphan"]
    kept.ok("sync")
    assert compose.read_text() == MINE


def test_a_service_without_a_kept_model_is_listed_and_pruned(shell: Shell, tmp_path: Path) -> None:
    compose = tmp_path / "docker-compose.yml"
    compose.write_text(SEED)
    assert kinds(shell, "-f", str(compose)) == ["service_unknown"]
    assert shell.run("sync", "-f", str(compose)).code == 1
    assert compose.read_text() == SEED
    shell.ok("sync", "--prune", "-f", str(compose))
    assert (
        compose.read_text()
        == "# as the guide has it\nservices:\n  router:\n    image: acme/router:1\n"
    )


def test_wishes_for_what_is_not_kept(shell: Shell) -> None:
    file = Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    file.parent.mkdir(mode=0o700)
    file.write_text("preload: [org/none]\nmodels: {org/later: {download: true}}\n")
    assert kinds(shell) == ["wish_missing"]


def test_with_a_server_what_it_says_counts_too(inn: Inn) -> None:
    inn.shell.ok("preload", EMBED)
    try:
        inn.shell.ok("load", EMBED)
        assert kinds(inn.shell) == []
    finally:
        inn.shell.ok("preload", "--none")


def test_a_preload_list_of_lamini_is_edited_in_place(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "llama_config.yaml"
    text = (
        "a: 'b'\t# tab\r\nmulti_node_inference:\r\n    batch_model_list:\r\n    - x/y # one\r\n#end"
    )
    file.write_bytes(text.encode())
    file.chmod(0o640)
    model = "meta-llama/Llama-3.1-8B-Instruct"
    shown = shell.ok("lamini", "preload", "add", model, "-f", str(file), "--dry-run")
    assert f"+    - {model}" in shown.out
    assert file.read_bytes() == text.encode()
    shell.ok("lamini", "preload", "add", model, "-f", str(file))
    assert file.read_bytes() == text.replace("# one", f"# one\r\n    - {model}").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    twice = shell.run("lamini", "preload", "add", model, "-f", str(file))
    assert twice.code == 2
    assert "preloaded already" in twice.err
    listed = shell.ok("lamini", "preload", "list", "-f", str(file), "--json").json()
    assert listed["preloaded"] == ["x/y", model]
    shell.ok("lamini", "preload", "remove", model, "-f", str(file))
    assert file.read_bytes() == text.encode()


def test_yaml_that_is_not_yaml_is_refused_and_not_touched(kept: Shell, tmp_path: Path) -> None:
    file = tmp_path / "broken.yml"
    file.write_text("services:\n  a: [1\n  b: 2\n")
    for words in (
        ("export", "compose", SAFE, "--into", str(file)),
        ("lamini", "preload", "add", "a/b", "-f", str(file)),
        ("sync", "--check", "-f", str(file)),
    ):
        done = kept.run(*words)
        assert done.code == 45, (words, done.err)
        assert "line 3, column 4" in done.err
    assert file.read_text() == "services:\n  a: [1\n  b: 2\n"
    assert [path.name for path in tmp_path.glob("broken*")] == ["broken.yml"]
