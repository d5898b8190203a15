"""Triton as an engine: what it refuses, its two ways to speak, its files, and how it dies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ostler.core.triton.repository import directory
from ostler.engines.triton import Triton
from ostler.errors import EngineUnsupported
from ostler.nouns import Format, Hardware, Installed, ModelFacts, Served, Task, Workload
from ostler.testing.engines import MACHINES, EngineContract

LINUX, ARM, NVIDIA, AMD, MAC, WINDOWS = MACHINES
FRONTEND = ("python3", "/opt/tritonserver/python/openai/openai_frontend/main.py")
OPENAI = Installed("triton", "25.06", FRONTEND, "image")
KSERVE = Installed("triton", "24.05", ("tritonserver",), "image")
FACTS = ModelFacts(
    Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16", context_length=4096
)
MODEL = Served("acme/tiny", "/views/acme/tiny", "/views/acme/tiny/a.safetensors", Task.CHAT, FACTS)
ENGINE = Triton("/run/ostler")


class TestTriton(EngineContract):
    @pytest.fixture(params=["openai", "kserve"])
    def installed(self, request: pytest.FixtureRequest) -> Installed:
        return OPENAI if request.param == "openai" else KSERVE

    @pytest.fixture
    def engine(self) -> Triton:
        return ENGINE

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


@pytest.mark.parametrize(
    ("facts", "machine", "because"),
    [
        (FACTS, LINUX, "NVIDIA GPU"),
        (FACTS, AMD, "NVIDIA GPU"),
        (replace(FACTS, format=Format.GGUF), NVIDIA, "these are gguf"),
        (replace(FACTS, task=Task.EMBED), NVIDIA, "vllm itself serves embeddings"),
        (replace(FACTS, remote_code=True), NVIDIA, "Ostler does not run"),
    ],
)
def test_refusals_have_their_reason(facts: ModelFacts, machine: Hardware, because: str) -> None:
    verdict = ENGINE.judge(facts, machine, OPENAI)
    assert not verdict.can
    assert because in verdict.because


def test_the_frontend_speaks_the_openai_api_under_the_folder_s_name() -> None:
    spec = ENGINE.launch(OPENAI, MODEL, Workload(4096, 8), "0.0.0.0", 8000)
    said = " ".join(spec.argv)
    assert said.startswith(
        f"{FRONTEND[0]} {FRONTEND[1]} --model-repository /run/ostler/triton-8000/"
    )
    assert "--tokenizer /views/acme/tiny --backend vllm --host 0.0.0.0 --openai-port 8000" in said
    assert spec.health_path == "/health/ready"
    assert spec.metrics_path == "/metrics"
    assert spec.model_name == "acme--tiny"
    assert spec.also == {}


def test_tritonserver_alone_is_asked_by_kserve_s_paths() -> None:
    spec = ENGINE.launch(KSERVE, MODEL, Workload(4096, 8), "0.0.0.0", 8000)
    assert spec.health_path == "/v2/health/ready"
    assert spec.also == {"grpc": 8001, "metrics": 8002}
    assert "--exit-timeout-secs 30" in " ".join(spec.argv)


def test_beside_others_tritonserver_takes_one_port_and_memory_of_its_own() -> None:
    here = replace(KSERVE, via="binary")
    spec = ENGINE.launch(here, MODEL, Workload(4096, 8), "127.0.0.1", 21000)
    said = " ".join(spec.argv)
    assert "--allow-grpc=false --allow-metrics=false" in said
    assert "shm-region-prefix-name=ostler-21000" in said
    assert spec.also == {}


def test_the_load_becomes_vllm_s_arguments() -> None:
    load = Workload(4096, 8, "fp8", tensor_parallel=2, flags=(("gpu-memory-utilization", "1"),))
    spec = ENGINE.launch(OPENAI, MODEL, load, "127.0.0.1", 8000)
    place = "model_repository/acme--tiny"
    assert set(spec.files) == {f"{place}/config.pbtxt", f"{place}/1/model.json"}
    assert json.loads(spec.files[f"{place}/1/model.json"]) == {
        "model": "/views/acme/tiny",
        "gpu_memory_utilization": 0.95,  # 1 would leave CUDA itself nothing
        "max_num_seqs": 8,
        "max_model_len": 4096,
        "tensor_parallel_size": 2,
        "kv_cache_dtype": "fp8",
        "disable_log_requests": True,  # 25.06 carries vLLM 0.9
    }


def test_flags_of_vllm_become_its_arguments() -> None:
    own = (
        ("seed", "7"),
        ("no-enable-prefix-caching", ""),
        ("enforce-eager", ""),
        ("dtype", "auto"),
    )
    spec = ENGINE.launch(OPENAI, MODEL, Workload(4096, flags=own), "127.0.0.1", 8000)
    said = json.loads(spec.files["model_repository/acme--tiny/1/model.json"])
    assert said["seed"] == 7
    assert said["enable_prefix_caching"] is False
    assert said["enforce_eager"] is True
    assert said["dtype"] == "auto"
    for name in ("trust-remote-code", "max-model-len"):
        with pytest.raises(EngineUnsupported, match=f"Ostler sets --{name}"):
            ENGINE.launch(OPENAI, MODEL, Workload(flags=((name, "1"),)), "127.0.0.1", 8000)


@pytest.mark.parametrize(("release", "given"), [("24.05", True), ("25.10", False), ("x", False)])
def test_a_flag_that_newer_releases_refuse_is_left_out(release: str, given: bool) -> None:
    spec = ENGINE.launch(replace(OPENAI, version=release), MODEL, Workload(), "127.0.0.1", 8000)
    assert (
        "disable_log_requests" in spec.files["model_repository/acme--tiny/1/model.json"]
    ) is given


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("acme/tiny", "acme--tiny"),
        ("acme/tiny@0123456789ab", "acme--tiny-0123456789ab"),
        ("../..", "model"),
        ("a/b#q4_k_m", "a--b-q4_k_m"),
    ],
)
def test_a_model_s_name_is_one_folder(model: str, folder: str) -> None:
    assert directory(model) == folder


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "ValueError: KIND_GPU is currently for single-GPU models, please specify KIND_MODEL",
            "bad_repository",
        ),
        (
            "AssertionError: vLLM Triton backend must be configured to use decoupled model "
            "transaction policy",
            "bad_repository",
        ),
        (
            "E1121 model_lifecycle.cc:642] failed to load 'm' version 1: Invalid argument: unable "
            "to find backend library for backend 'vllm', try specifying runtime",
            "missing_backend",
        ),
        (
            "TypeError: AsyncEngineArgs.__init__() got an unexpected keyword argument "
            "'disable_log_requests'",
            "bad_flag",
        ),
        ("ValueError: Free memory on device cuda:0 (1/24 GiB) on startup is less than desired GPU "
         "memory utilization (0.9, 21.6 GiB)", "gpu_taken"),
    ],
)  # fmt: skip
def test_its_log_tells_what_it_died_of(line: str, cause: str) -> None:
    found = ENGINE.diagnose(["I1121 server.cc] started", line], 1)
    assert found is not None
    assert found.cause == cause
