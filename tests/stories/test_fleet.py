"""The keeper as an operator meets it: pins, pools, preloading, eviction, wishes that change."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx2
import pytest
from tests.stories.conftest import CHAT, EMBED, RERANK, Shell, address_said, end, environment

WISHES = """\
# What this inn is for.
models:
  {chat}:
    aliases: [talker]  # what callers say
policy:
  residency: 0
"""


@dataclass
class Keep:
    """A running server with the tiny models, and the file of its wishes."""

    shell: Shell
    address: str
    process: subprocess.Popen[str]
    wishes: Path

    def state(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.shell.ok("ps", "--json").json()
        return shown

    def up(self) -> set[str]:
        return {one["id"] for one in self.state()["models"] if one["state"] == "ready"}

    def ask(self, model: str, **headers: str) -> httpx2.Response:
        kind = "embeddings" if model == EMBED else "chat/completions"
        body = (
            {"input": "x"} if model == EMBED else {"messages": [{"role": "user", "content": "x"}]}
        )
        body |= {"model": model, "max_tokens": 1}
        url = f"{self.address}/v1/{kind}"
        return httpx2.post(url, json=body, headers=headers, timeout=60)

    def until(self, what: Callable[[], Any], seconds: float = 20.0) -> Any:
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError(self.state())


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Path:
    """A home in which the three models are kept."""
    home = tmp_path_factory.mktemp("stocked") / "home"
    for model in (f"{CHAT}#q8_0", EMBED, RERANK):
        Shell(environment(home, shipped_hub)).ok("pull", model, "--quiet")
    return home


@pytest.fixture
def keep(shell: Shell, stocked: Path) -> Iterator[Keep]:
    shutil.copytree(stocked, shell.env["OSTLER_HOME"], symlinks=True)
    wishes = Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    wishes.write_text(WISHES.format(chat=f"{CHAT}#q8_0"))
    process = shell.background("serve", "--port", "0", "--context", "512")
    try:
        yield Keep(shell, address_said(process), process, wishes)
    finally:
        end(process)


def test_models_share_one_pool_and_take_turns(keep: Keep) -> None:
    needs = {
        model: keep.shell.ok("load", model, "--dry-run", "--json").json()["memory_bytes"]
        for model in (CHAT, EMBED)
    }
    keep.shell.ok("pool", "set", "catchall", f"{max(needs.values()) + 1000}B")
    for model in (CHAT, EMBED, CHAT, EMBED):
        assert keep.ask(model).status_code == 200
        assert len(keep.up()) == 1, "there is room for one of them"
    pools = keep.state()["server"]["pools"]
    catchall = next(one for one in pools if one["pool"] == "catchall")
    assert catchall["models"] == [f"{EMBED}#f32"]
    assert catchall["held_bytes"] <= catchall["room_bytes"]
    keep.shell.ok("pin", EMBED)  # it counts where it is, and stays
    assert keep.ask(CHAT).status_code == 503
    assert "pinned" in keep.ask(CHAT).json()["error"]["message"]
    assert keep.up() == {f"{EMBED}#f32"}
    keep.shell.ok("pin", EMBED, "--off")
    assert keep.ask(CHAT).status_code == 200


def test_wishes_change_without_a_restart_and_keep_their_comments(keep: Keep) -> None:
    assert keep.ask("talker").status_code == 200
    keep.shell.ok("preload", EMBED, RERANK)
    keep.until(lambda: {f"{EMBED}#f32", f"{RERANK}#f32"} <= keep.up())
    text = keep.wishes.read_text()
    assert "# What this inn is for." in text
    assert "# what callers say" in text
    assert keep.shell.ok("preload", "--json").json()["preload"] == [f"{EMBED}#f32", f"{RERANK}#f32"]
    keep.wishes.write_text(text.replace("[talker]", "[talker, chatter]"))
    keep.until(lambda: keep.ask("chatter").status_code == 200)
    keep.wishes.write_text("modles: {}\n")
    warned = keep.until(lambda: keep.state()["server"]["warnings"])
    assert "modles" in warned[0]
    assert "stay in force" in warned[0]
    assert keep.ask("chatter").status_code == 200, "the last good wishes stay in force"


def test_a_context_that_is_wished_of_a_model_that_runs_waits_for_its_next_start(
    keep: Keep,
) -> None:
    def warned() -> list[str]:
        return [one for one in keep.state()["server"]["warnings"] if "runs with a context" in one]

    keep.shell.ok("load", CHAT)
    assert not warned()
    keep.wishes.write_text(f"models: {{{CHAT}: {{context: 256}}}}\n")
    (said,) = keep.until(warned)
    assert "512 tokens; 256 are wished" in said
    keep.shell.ok("unload", CHAT)
    assert not warned()
    keep.shell.ok("load", CHAT)
    assert keep.state()["models"][0]["context"] == 256
    assert not warned()


def test_a_wish_that_cannot_be_met_says_why(keep: Keep) -> None:
    said = keep.shell.ok("pool", "set", "big", "nvidia:7", "--json").json()
    assert any("nvidia:7" in text for text in said["unmet"])
    wished = {"hours": ["03:00-03:01"], "pool": "small"}
    path = f"{keep.address}/api/models/{CHAT}/wish"
    assert httpx2.patch(path, json={"replicas": "many"}).status_code == 400
    assert httpx2.patch(path, json=wished).status_code == 200
    hour = time.localtime()
    if (hour.tm_hour, hour.tm_min) != (3, 0):
        refused = keep.ask(CHAT)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "outside_schedule"


def test_load_and_unload(keep: Keep) -> None:
    assert "is ready" in keep.shell.ok("load", CHAT).out
    one = next(one for one in keep.state()["models"] if one["state"] == "ready")
    assert one["eta_seconds"] is None
    assert "is stopped" in keep.shell.ok("unload", CHAT).out
    assert not keep.up()


def test_replicas_share_the_requests(keep: Keep) -> None:
    path = f"{keep.address}/api/models/{CHAT}/wish"
    assert httpx2.patch(path, json={"replicas": 2}).status_code == 200
    keep.ask(CHAT)
    keep.until(lambda: {f"{CHAT}#q8_0", f"{CHAT}#q8_0~2"} <= keep.up())
    for _ in range(4):
        assert keep.ask(CHAT).status_code == 200


def test_without_a_server_the_wishes_are_written_down(shell: Shell) -> None:
    shell.ok("pull", EMBED, "--quiet")
    would = shell.ok("preload", EMBED, "--dry-run").out
    assert f"Would be preloaded, in this order: {EMBED}#f32." in would
    assert not Path(shell.env["OSTLER_HOME"], "ostler.yaml").exists()
    shell.ok("preload", EMBED)
    assert f"{EMBED}#f32" in shell.ok("preload").out
    assert shell.run("pool", "set", "x", "lots").code in (0, 2)
    assert shell.run("load", EMBED).code == 23


def test_a_model_that_is_wished_for_is_fetched_when_it_is_asked_for(shell: Shell) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir(parents=True)
    name = f"{EMBED}#f32"
    wish = f"models: {{'{name}': {{download: true, aliases: [little]}}}}"
    (home / "ostler.yaml").write_text(wish)
    process = shell.background("serve", "--port", "0", "--context", "512")
    try:
        address = address_said(process)
        listed = httpx2.get(f"{address}/v1/models").json()["data"]
        assert [(one["id"], one["state"]) for one in listed] == [(name, "registered")]
        body = {"model": "little", "input": "x"}
        answer = httpx2.post(f"{address}/v1/embeddings", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        assert httpx2.get(f"{address}/v1/models").json()["data"][0]["state"] == "ready"
    finally:
        end(process)


def test_a_model_loaded_for_a_time_ends_by_itself(keep: Keep) -> None:
    said = keep.shell.ok("load", CHAT, "--duration", "2s").out
    assert "It ends in 2.0 s." in said
    one = next(one for one in keep.state()["models"] if one["state"] == "ready")
    assert 0 < one["lease_seconds"] <= 2
    assert "ends in" in keep.shell.ok("ps").out
    keep.until(lambda: not keep.up())
    keep.until(lambda: "It was loaded for 2.0 s" in keep.shell.ok("history").out)
    assert keep.ask(CHAT).status_code == 200, "the next request loads it again, for good"
    one = next(one for one in keep.state()["models"] if one["state"] == "ready")
    assert one["lease_seconds"] is None
    assert keep.shell.run("load", CHAT, "--duration", "soon").code == 2


def test_so_many_at_once_and_no_more(keep: Keep) -> None:
    keep.shell.ok("load", CHAT, "--max-concurrent", "1")
    body = {"model": CHAT, "prompt": "x", "max_tokens": 400, "ignore_eos": True}
    url, together = f"{keep.address}/v1/completions", Barrier(8)

    def ask(_: int) -> httpx2.Response:
        together.wait(20)
        return httpx2.post(url, json=body, timeout=60)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(ask, range(8)))
    assert {one.status_code for one in answers} == {200, 429}
    refused = next(one for one in answers if one.status_code == 429)
    assert refused.json()["error"]["code"] == "model_busy"
    assert int(refused.headers["retry-after"]) >= 1


SEVERAL = """\
models:
  short: {{of: {chat}, context: 128, sequences: 2, max_concurrent: 8, aliases: [both]}}
  long: {{of: {chat}, context: 1024, aliases: [both]}}
  org/mistyped: {{context: 1024}}
  org/unpinned: {{}}
  lost: {{of: org/never-was}}
routes:
  any: [{{to: short, tokens: 100}}, {{to: long}}]
  astray: [{{to: org/never-was}}]
policy: {{residency: 0, loads_per_device: 2}}
"""


def test_one_model_is_deployed_twice_and_a_name_leads_to_either_by_length(keep: Keep) -> None:
    keep.wishes.write_text(SEVERAL.format(chat=f"{CHAT}#q8_0"))

    def listed() -> dict[str, str]:
        found = httpx2.get(f"{keep.address}/v1/models").json()["data"]
        return {one["id"]: one["state"] for one in found}

    keep.until(lambda: {"short", "long", "any"} <= listed().keys())
    assert not {"lost", "astray"} & listed().keys()
    warnings = " ".join(keep.state()["server"]["warnings"])
    assert "lost is of org/never-was" in warnings
    assert "astray leads to org/never-was" in warnings
    assert "org/mistyped has wishes in ostler.yaml, and is not kept here." in warnings
    assert "org/unpinned" not in warnings, "nothing is wished for it"
    assert "The alias both is given to short and long; it means short." in warnings
    url = f"{keep.address}/v1/completions"
    for prompt, home in (("x", {"short"}), ("word " * 100, {"short", "long"})):
        body = {"model": "any", "prompt": prompt, "max_tokens": 4}
        assert httpx2.post(url, json=body, timeout=60).status_code == 200
        assert keep.up() == home
    contexts = {one["id"]: one["context"] for one in keep.state()["models"]}
    assert contexts == {"short": 128, "long": 1024}
    assert listed()["any"] == "ready"
    assert keep.ask("short").status_code == 200, "a deployment can be asked for by its own name"
    keep.shell.ok("unload", "short")
    assert keep.up() == {"long"}


NUMBERED = """\
models:
  new_model_0: {{of: {chat}, context: 256}}
"""


def test_a_numbered_name_answers_without_its_number_while_it_is_alone(keep: Keep) -> None:
    keep.wishes.write_text(NUMBERED.format(chat=f"{CHAT}#q8_0"))

    def names() -> dict[str, list[str]]:
        found = httpx2.get(f"{keep.address}/v1/models").json()["data"]
        return {one["id"]: one["aliases"] for one in found}

    keep.until(lambda: "new_model_0" in names())
    assert names()["new_model_0"] == ["new_model"]
    assert keep.ask("new_model").status_code == 200
    assert keep.up() == {"new_model_0"}
    two = NUMBERED + "  new_model_1: {{of: {chat}, context: 128}}\n"
    keep.wishes.write_text(two.format(chat=f"{CHAT}#q8_0"))
    keep.until(lambda: "new_model_1" in names())
    assert names()["new_model_0"] == []
    refused = keep.ask("new_model")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_model")
    assert "new_model_0, new_model_1" in refused.json()["error"]["message"]
    assert keep.ask("new_model_0").status_code == 200


def test_what_cannot_fit_the_context_is_refused_with_the_numbers(keep: Keep) -> None:
    keep.wishes.write_text(NUMBERED.format(chat=f"{CHAT}#q8_0"))
    keep.until(lambda: keep.ask("new_model_0").status_code == 200)
    url, known = f"{keep.address}/v1/completions", [1] * 257
    counted = httpx2.post(url, json={"model": "new_model_0", "prompt": known}, timeout=60)
    told = httpx2.post(url, json={"model": "new_model_0", "prompt": "word " * 900}, timeout=60)
    for answer in (counted, told):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "context_too_long")
        assert "256" in error["message"]
    assert "257" in counted.json()["error"]["message"]
    [one] = [one for one in keep.state()["models"] if one["id"] == "new_model_0"]
    log = Path(one["log"]).read_text()
    assert "257 tokens" not in log, "the engine never heard of the first"
    fits = {"model": "new_model_0", "prompt": [1] * 200, "max_tokens": 10**6}
    answer = httpx2.post(url, json=fits, timeout=60)
    assert answer.status_code == 200, "llama.cpp ends an answer where the context ends"
    assert answer.json()["usage"]["total_tokens"] <= 256


def test_requests_that_wait_are_counted_for_prometheus(keep: Keep) -> None:
    keep.wishes.write_text("policy: {patience: 60}\nroles: {operator: {preempts: true}}\n")
    body = {"model": CHAT, "prompt": "x", "max_tokens": 1}

    def parked() -> int:
        page = httpx2.get(f"{keep.address}/metrics").text
        rows = [row for row in page.splitlines() if row.startswith("ostler_requests_parked{")]
        return sum(int(float(row.rpartition(" ")[2])) for row in rows)

    assert parked() == 0
    with ThreadPoolExecutor(4) as callers:
        url = f"{keep.address}/v1/completions"
        asked = [callers.submit(httpx2.post, url, json=body, timeout=60) for _ in range(4)]
        seen = keep.until(parked)
        assert 1 <= seen <= 4
        assert [one.result().status_code for one in asked] == [200] * 4
    assert parked() == 0


def _loads(shell: Shell) -> list[str]:
    """The models that were loaded, in order; the history is a second behind."""
    return [one["subject"] for one in shell.ok("history", "--act", "load", "--json").json()]


def test_ready_means_that_what_is_preloaded_is_up_or_cannot_be(shell: Shell, stocked: Path) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    shutil.copytree(stocked, home, symlinks=True)
    wishes = f"preload: ['{CHAT}#q8_0', {EMBED}, {RERANK}]\n"
    wishes += f"models: {{{RERANK}: {{pool: small}}}}\npools: {{small: {{memory: 1MiB}}}}\n"
    (home / "ostler.yaml").write_text(wishes)
    process = shell.background("serve", "--port", "0", "--context", "512")
    keep = Keep(shell, address_said(process), process, home / "ostler.yaml")
    try:
        first = keep.until(lambda: httpx2.get(f"{keep.address}/ready").status_code == 200)
        assert first
        assert keep.up() == {f"{CHAT}#q8_0", f"{EMBED}#f32"}
        assert "needs" in next(
            text for text in keep.state()["server"]["warnings"] if RERANK in text
        )
        keep.until(lambda: _loads(shell) == [f"{CHAT}#q8_0", f"{EMBED}#f32"])
    finally:
        end(process)
