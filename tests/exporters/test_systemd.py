"""A systemd unit says exactly what would run, whatever letters are in it."""

from __future__ import annotations

import configparser
import shlex
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ostler.exporters.systemd import quoted, unit
from ostler.nouns import Format, LaunchSpec, ModelFacts, Served, Task

FACTS = ModelFacts(Format.GGUF, "llama", Task.CHAT, 10, 100, "Q8_0")
MODEL = Served("acme/tiny#q8_0", "/views/tiny", "/views/tiny/a.gguf", Task.CHAT, FACTS)
SPEC = LaunchSpec("llamacpp", ("/bin/engine", "-m", "/views/a b.gguf"), MODEL, "127.0.0.1", 21800)
words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)


def as_systemd_reads(line: str) -> list[str]:
    """Undo systemd's quoting: words as a shell splits them, with %% and $$ for % and $."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


@given(st.lists(words, min_size=1, max_size=5))
def test_words_come_back_as_they_were(argv: list[str]) -> None:
    assert as_systemd_reads(" ".join(quoted(word) for word in argv)) == argv


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def test_what_is_written_is_what_would_run() -> None:
    service = read(unit(SPEC, "anna"))["Service"]
    assert as_systemd_reads(service["ExecStart"]) == list(SPEC.argv)
    assert service["User"] == "anna"
    assert service["ProtectSystem"] == "strict"


def test_environment_and_links_come_along() -> None:
    spec = replace(
        SPEC, env={"A": "b c", "HF_HUB_OFFLINE": "1"}, cwd="/run/x", links={"acme/tiny": "/views/t"}
    )
    text = unit(spec, "anna")
    assert 'Environment="A=b c"' in text
    assert "ExecStartPre=+/bin/mkdir -p /run/x/acme" in text
    assert "ExecStartPre=+/bin/ln -sfn /views/t /run/x/acme/tiny" in text
    assert "WorkingDirectory=-/run/x" in text
