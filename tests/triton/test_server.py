"""A real tritonserver loads what we write, and refuses what `ostler triton check` says it would."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.stories.conftest import SHIPPED
from tests.triton.server import Server, running, words

from ostler.core.triton.finding import FAIL
from ostler.core.triton.repository import CONFIG, files
from ostler.engines.triton import Triton
from ostler.launchers.ports import free_port
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import Format, Installed, LaunchSpec, ModelFacts, Served, Task, Workload
from ostler.verbs.start import until_healthy
from ostler.verbs.triton_repository import checked

RELEASE = "25.10"
WEIGHTS = SHIPPED / "ostler/tiny-llama"
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16")
MODEL = Served("ostler/tiny", str(WEIGHTS), str(WEIGHTS / "a"), Task.CHAT, FACTS)
LOAD = Workload(2048, 8)
PORTS = range(24000 + os.getpid() % 900, 25000)  # not where engines of other tests are put


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    return words(tmp_path_factory.mktemp("triton"))


def test_the_described_process_answers(
    program: tuple[list[str], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by the launcher that starts all engines, asked at the path the engine names."""
    argv, environment = program
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    port = free_port("127.0.0.1", PORTS)
    here = Installed("triton", RELEASE, tuple(argv), "binary")
    spec = Triton(str(tmp_path / "run")).launch(here, MODEL, LOAD, "127.0.0.1", port)
    log = tmp_path / "log"
    server = Server(f"http://127.0.0.1:{port}", True, log)

    code, one, stream = asyncio.run(asked(spec, server))
    assert json.loads(one[1])["text_output"] == "LlamaForCausalLM: Say hello"
    said = [json.loads(line[6:]) for line in stream[1].decode().splitlines() if line]
    assert [part["text_output"] for part in said] == ["LlamaForCausalLM: ", "Say hello"]
    assert {part["model_name"] for part in said} == {spec.model_name}
    assert code == 0
    assert any("Waiting for in-flight requests" in line for line in server.lines())


async def asked(
    spec: LaunchSpec, server: Server
) -> tuple[int, tuple[int, bytes], tuple[int, bytes]]:
    process = await ProcessLauncher().start(spec, str(server.log))
    try:
        ready = asyncio.create_task(until_healthy(spec, lambda stage: None))
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({ready, ended}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), server.lines()[-5:]
        ended.cancel()
        path = f"/v2/models/{spec.model_name}/generate"
        text = {"text_input": "Say hello"}
        one = await asyncio.to_thread(server.ask, path, text | {"stream": False})
        more = await asyncio.to_thread(server.ask, f"{path}_stream", text | {"stream": True})
    finally:
        code = await process.stop(30)
    return code, one, more


Break = Callable[[Path], object]


def swap(file: str, before: str, after: str) -> Break:
    def change(model: Path) -> None:
        assert before in (model / file).read_text()
        (model / file).write_text((model / file).read_text().replace(before, after))

    return change


def minimal(model: Path) -> None:
    (model / "config.pbtxt").write_text('backend: "vllm"\n')
    (model / "1").rename(model / "0")


def spelt_otherwise(model: Path) -> None:
    swap("config.pbtxt", 'backend: "vllm"', "# a comment\nbackend: 'vl' 'lm';")(model)
    swap("config.pbtxt", "dims: [ -1 ]", "dims: -1")(model)
    swap("config.pbtxt", "instance_group [", "instance_group: [")(model)
    (model / "Llama-2-7b-hf").mkdir()  # no version, so passed over


# Each takes a process of its own to load, so there are few.
FINE: dict[str, Break] = {
    "as written": lambda model: None,
    "minimal": minimal,
    "spelt otherwise": spelt_otherwise,
}
BROKEN: dict[str, Break] = {
    "version 01": lambda model: (model / "1").rename(model / "01"),
    "no version": lambda model: shutil.rmtree(model / "1"),
    "no config": lambda model: (model / "config.pbtxt").unlink(),
    "no arguments": lambda model: (model / "1/model.json").unlink(),
    "another name": swap("config.pbtxt", 'backend: "vllm"', 'backend: "vllm"\nname: "other"'),
    "no backend": swap("config.pbtxt", 'backend: "vllm"', ""),
    "an unknown type": swap("config.pbtxt", "TYPE_BOOL", "TYPE_BOOLEAN"),
    "an unknown kind": swap("config.pbtxt", "KIND_MODEL", "KIND_MODELS"),
    "a brace too few": swap("config.pbtxt", "decoupled: True\n}", "decoupled: True\n"),
    "a comma too few": swap("config.pbtxt", "  },\n  {", "  }\n  {"),
    "no colon": swap("config.pbtxt", "count: 1", "count 1"),
    "batches": swap("config.pbtxt", "max_batch_size: 0", "max_batch_size: 8"),
    "not decoupled": swap("config.pbtxt", "decoupled: True", "decoupled: False"),
    "no weights": swap("1/model.json", str(WEIGHTS), "/nowhere"),
    "no JSON": swap("1/model.json", "{", "{,"),
}
OWN_WORDS = ("no weights", "no JSON")  # what Python says of these is no word of Triton's


def written(folder: Path) -> Path:
    """Write one model into a repository; return the model's folder."""
    for name, text in files(MODEL, LOAD, RELEASE, "one").items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder / "one"


def argv(program: tuple[list[str], dict[str, str]], folder: Path, port: int) -> list[str]:
    """Return the engine's own words, with another repository."""
    here = Installed("triton", RELEASE, tuple(program[0]), "binary")
    spec = Triton("/run").launch(here, MODEL, LOAD, "127.0.0.1", port)
    return [str(folder) if one.endswith("/model_repository") else one for one in spec.argv]


@pytest.fixture(scope="module")
def server(
    program: tuple[list[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    """A server that loads what it is told to, and its repository."""
    folder = tmp_path_factory.mktemp("repository")
    port = free_port("127.0.0.1", PORTS)
    told = [*argv(program, folder, port), "--model-control-mode", "explicit"]
    with running(told, program[1], port, folder.with_name("log")) as started:
        assert started.ready, started.lines()
        yield started, folder


@pytest.mark.parametrize("case", [*FINE, *BROKEN])
def test_the_check_says_what_the_server_does(
    server: tuple[Server, Path], tmp_path: Path, case: str
) -> None:
    started, repository = server
    model = written(tmp_path)
    (FINE | BROKEN)[case](model)
    failed = [one for one in checked(tmp_path, {}) if one.level == FAIL]
    name = case.replace(" ", "-")
    shutil.copytree(model, repository / name)

    mark = len(started.lines())
    status, body = started.ask(f"/v2/repository/models/{name}/load", {})
    assert (status == 200) is (case in FINE), body
    assert (not failed) is (case in FINE), failed
    if case in BROKEN and case not in OWN_WORDS:
        found = Triton("/run").diagnose(started.lines()[mark:], 1)
        assert found is not None, started.lines()[mark:]
        assert found.cause == "bad_repository"


@pytest.mark.parametrize("stray", ["lost+found", "..data", ".git"])
def test_a_server_that_loads_all_stops_at_a_folder_that_is_no_model(
    program: tuple[list[str], dict[str, str]], tmp_path: Path, stray: str
) -> None:
    folder = tmp_path / "models"
    (folder / stray).mkdir(parents=True)
    assert "not_a_model" in {one.code for one in checked(folder, {})}
    port = free_port("127.0.0.1", PORTS)
    told = argv(program, folder, port)
    with running(told, program[1], port, tmp_path / "log") as ended:
        assert not ended.ready
        assert any("failed to load all models" in line for line in ended.lines())


def test_arguments_that_newer_vllm_refuses_are_found(
    server: tuple[Server, Path], tmp_path: Path
) -> None:
    """The seed's own model.json, but for its path: the flag ends the load, and the log says so."""
    started, repository = server
    said = {"model": str(WEIGHTS), "disable_log_requests": "true", "gpu_memory_utilization": 1}
    model = written(tmp_path)
    (model / "1/model.json").write_text(json.dumps(said))
    codes = {one.code for one in checked(tmp_path, {})}
    assert codes == {"old_flag", "text_for_boolean", "utilization", "no_context"}

    shutil.copytree(model, repository / "seeds")
    mark = len(started.lines())
    assert started.ask("/v2/repository/models/seeds/load", {})[0] != 200
    found = Triton("/run").diagnose(started.lines()[mark:], 1)
    assert found is not None
    assert found.cause == "bad_flag"
    assert "disable_log_requests" in found.evidence


def test_the_load_is_in_the_stand_in_s_arguments() -> None:
    """What we write stays among what the stand-in takes; new arguments must be added there."""
    wide = replace(LOAD, kv_dtype="fp8", tensor_parallel=2)
    text = files(MODEL, wide, RELEASE, "one")["one/1/model.json"]
    assert set(json.loads(text)) == {
        *("model", "gpu_memory_utilization", "max_num_seqs", "max_model_len"),
        *("tensor_parallel_size", "kv_cache_dtype"),
    }
    assert "KIND_MODEL" in CONFIG
