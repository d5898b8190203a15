"""An engine's log: filtered, searched for what is known; and no state follows from it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import httpx2
from tests.stories.conftest import CHAT, Inn, Shell

FATAL = "CUDA error: device-side assert triggered (this line is a test's)"


def log_of(inn: Inn) -> Path:
    inn.shell.ok("load", CHAT)
    return Path(inn.shell.ok("logs", CHAT, "--json").json()["log"])


def test_lines_by_a_pattern_and_since_the_start(inn: Inn) -> None:
    log_of(inn)
    whole = inn.shell.ok("logs", CHAT, "-n", "5000").out.splitlines()
    some = inn.shell.ok("logs", CHAT, "-n", "5000", "--pattern", "slot|load_model").out.splitlines()
    assert some == [line for line in whole if "slot" in line or "load_model" in line]
    assert 0 < len(some) < len(whole)
    started = inn.shell.ok("logs", CHAT, "-n", "5000", "--since", "start").out.splitlines()
    begins = [number for number, line in enumerate(whole) if " ostler starts: " in line]
    assert started == whole[begins[-1] :]
    assert inn.shell.ok("logs", CHAT, "-n", "5000", "--since", "2h").out.splitlines() == whole
    assert inn.shell.ok("logs", CHAT, "--since", "0s").out == ""
    last = inn.shell.ok("logs", CHAT, "-n", "2", "--pattern", "slot", "--json").json()["lines"]
    assert last == [line for line in whole if "slot" in line][-2:]


def test_since_the_start_is_since_the_last_of_two_in_one_second(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    shell.ok("run", CHAT, "hello", "--max-tokens", "1")
    log = Path(shell.ok("logs", CHAT, "--json").json()["log"])
    header = log.read_text().partition("\n")[0]
    log.write_text(f"{header}\nthe first\n{header}\nthe second\n")
    said = shell.ok("logs", CHAT, "--since", "start").out.splitlines()
    assert said == [header, "the second"]


def test_wrong_words_are_refused_with_right_ones(inn: Inn) -> None:
    log_of(inn)
    for words, said in (
        (("--pattern", "("), "no regular expression"),
        (("--since", "yesterday"), "90s, 10m or 2h"),
        (("--known", "-f"), "--follow"),
    ):
        refused = inn.shell.run("logs", CHAT, *words)
        assert (refused.code, said in refused.err) == (2, True), refused.err


def test_what_is_known_is_told_and_changes_no_state(inn: Inn) -> None:
    log = log_of(inn)
    path = f"{inn.address}/api/models/{quote(CHAT)}/log/patterns"
    before = httpx2.get(path).raise_for_status().json()
    assert before["engine"] == "llamacpp"
    assert "cuda_error" not in {one["cause"] for one in before["patterns"]}
    with log.open("a") as file:
        file.write(f"{FATAL}\n{FATAL}\n")
    found = httpx2.get(path).raise_for_status().json()
    [one] = [one for one in found["patterns"] if one["cause"] == "cuda_error"]
    assert (one["count"], one["last"]["text"], one["first"]["line"] + 1) == (
        2, FATAL, one["last"]["line"],
    )  # fmt: skip
    assert "nvidia-smi" in one["advice"]
    assert one["last"]["at"] >= one["first"]["at"] > 1.7e9
    old = httpx2.get(path, params={"since": 0}).raise_for_status().json()
    assert old["patterns"] == []
    shown = inn.shell.ok("logs", CHAT, "--known").out
    assert "cuda_error" in shown
    assert "2 times" in shown
    told = inn.shell.ok("logs", CHAT, "--known", "--json").json()
    assert told["patterns"] == found["patterns"]
    (state,) = [
        one["state"]
        for one in inn.shell.ok("ps", "--json").json()["models"]
        if one["id"].startswith(CHAT)
    ]
    assert state == "ready"
    answer = httpx2.post(
        f"{inn.address}/v1/chat/completions",
        json={"model": CHAT, "messages": [{"role": "user", "content": "Say hello"}]},
        timeout=60,
    )
    assert json.loads(answer.text)["choices"]


def test_a_log_that_is_not_there_is_said_to_be_so(inn: Inn) -> None:
    answer = httpx2.get(f"{inn.address}/api/models/nobody/never/log/patterns")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")
