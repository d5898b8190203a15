"""What the shells complete, in the real ones."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ostler.faces.cli import app

SHIPPED = Path(__file__).resolve().parents[3] / "src/ostler/testing/models/ostler"
LINES = {
    "ostler inf": ["info"],
    "ostler --home {home} info ostler/tiny-l": [
        "ostler/tiny-llama-GGUF#f32", "ostler/tiny-llama-GGUF#q8_0",
    ],
    "ostler ls --j": ["--json"],
    "ostler engine ima": ["images"],
    "ostler compare qwen3-8": ["qwen3-8b"],
    "ostler info nobody/": [],
    "ostler nothing ": [],
}  # fmt: skip
ASK = """
eval "$(ostler completion bash)"
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE}
    _ostler_completion ostler
    echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user with `ostler` in the path and one model kept in two quantizations."""
    home = tmp_path_factory.mktemp("completing") / "home"
    folder = Path(sys.executable).parent
    known = {name: text for name, text in os.environ.items() if not name.startswith("OSTLER_")}
    env = {**known, "PATH": f"{folder}:{known['PATH']}", "OSTLER_HOME": str(home)}
    pull = ["ostler", "pull", f"folder:{SHIPPED}/tiny-llama-GGUF", "--all", "--quiet"]
    subprocess.run(pull, env=env, check=True)
    return env


def test_what_bash_is_told(env: dict[str, str]) -> None:
    lines = [line.format(home=env["OSTLER_HOME"]) for line in LINES]
    asked = ["bash", "--norc", "-c", ASK, "bash", *lines]
    out = subprocess.run(asked, env=env, capture_output=True, text=True, check=True)
    assert out.stderr == ""
    said = [line.split() for line in out.stdout.splitlines()]
    assert dict(zip(LINES, said, strict=True)) == LINES


def test_a_tab_in_bash(env: dict[str, str]) -> None:
    """Typed at a terminal, with a # in the name."""
    leader, follower = pty.openpty()
    words = ["bash", "--norc", "--noprofile", "-i"]
    plain = env | {"PS1": "$ ", "TERM": "dumb", "COLUMNS": "200", "INPUTRC": "/dev/null"}
    with subprocess.Popen(
        words, env=plain, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    ) as bash:
        os.close(follower)
        os.write(leader, b'eval "$(ostler completion bash)"; echo rea""dy\n')
        assert "ready" in seen(leader, "ready\r\n")
        os.write(leader, b"ostler verify ostler/tiny-llama-GGUF#q8\t")
        assert "ostler/tiny-llama-GGUF#q8_0 " in seen(leader, "#q8_0 ")
        os.write(leader, b"\x15ostler undo\x15ostler checks\t")
        assert "checksums " in seen(leader, "checksums ")
        os.write(leader, b"\x15exit\n")
        bash.wait(timeout=30)
    os.close(leader)


def test_zsh_reads_its_script(env: dict[str, str], tmp_path: Path) -> None:
    needs("zsh")
    made = subprocess.run(["ostler", "completion", "zsh"], env=env, capture_output=True, check=True)
    (tmp_path / "_ostler").write_bytes(made.stdout)
    subprocess.run(["zsh", "--no-exec", tmp_path / "_ostler"], check=True)


def test_what_fish_completes(env: dict[str, str]) -> None:
    needs("fish")
    script = 'ostler completion fish | source; complete -C "ostler info ostler/tiny-llama-GGUF#q"'
    out = subprocess.run(["fish", "-c", script], env=env, capture_output=True, check=True).stdout
    assert out.split() == [b"ostler/tiny-llama-GGUF#q8_0"]


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"NO {shell.upper()}: it is not installed here, so nothing is asked of it")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app._run(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert f"_OSTLER_COMPLETE={shell}_complete" in out


def test_completing_needs_no_heavy_module(env: dict[str, str]) -> None:
    """Model names come from manifests alone: no web framework, no database, no hub's client."""
    asked = {"_OSTLER_COMPLETE": "bash_complete", "COMP_LINE": "ostler info o"}
    words = [sys.executable, "-X", "importtime", "-m", "ostler"]
    done = subprocess.run(words, env=env | asked, capture_output=True, text=True, check=True)
    assert "plain,ostler/tiny-llama-GGUF#q8_0" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"fastapi", "pydantic", "sqlalchemy", "huggingface_hub", "rich"})
    assert not any(name.startswith("ostler.faces.server") for name in imported)


def seen(terminal: int, text: str) -> str:
    """Read until the terminal has shown a text, or for half a minute."""
    shown, deadline = "", time.monotonic() + 30
    while text not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown
