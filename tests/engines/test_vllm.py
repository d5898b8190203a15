"""vLLM as an engine: its flags by version, what it refuses and why, and how it dies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.engines.vllm import MINIMUM, Vllm
from ostler.nouns import Format, Hardware, Installed, ModelFacts, Served, Task, Workload
from ostler.testing.engines import MACHINES, EngineContract

LINUX, ARM, NVIDIA, AMD, MAC, WINDOWS = MACHINES
WORDS = ("/env/bin/python", "-m", "vllm.entrypoints.openai.api_server")
INSTALLED = Installed("vllm", "0.32.0", WORDS, "environment")
CPU_BUILD = replace(INSTALLED, version="0.32.0+cpu")
FACTS = ModelFacts(
    Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16", context_length=2048
)
MODEL = Served("acme/tiny", "/views/acme/tiny", "/views/acme/tiny/a.safetensors", Task.CHAT, FACTS)


def argv(installed: Installed = INSTALLED, model: Served = MODEL, **load: object) -> str:
    workload = replace(Workload(context=1024, sequences=16), **load)  # type: ignore[arg-type]
    return " ".join(Vllm().launch(installed, model, workload, "127.0.0.1", 21000).argv)


class TestVllm(EngineContract):
    @pytest.fixture
    def engine(self) -> Vllm:
        return Vllm()

    @pytest.fixture
    def installed(self) -> Installed:
        return INSTALLED

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


@pytest.mark.parametrize(
    ("facts", "machine", "installed", "because"),
    [
        (FACTS, MAC, INSTALLED, "vllm needs Linux"),
        (replace(FACTS, format=Format.GGUF), NVIDIA, INSTALLED, "llamacpp is better"),
        (replace(FACTS, remote_code=True), NVIDIA, INSTALLED, "Ostler does not run"),
        (FACTS, NVIDIA, None, "not installed"),
        (
            replace(FACTS, architecture="Gemma4ForConditionalGeneration"),
            NVIDIA,
            replace(INSTALLED, version="0.18.2"),
            "needs vllm 0.19.0, this is 0.18.2",
        ),
    ],
)
def test_refusals_have_their_reason(
    facts: ModelFacts, machine: Hardware, installed: Installed | None, because: str
) -> None:
    verdict = Vllm().judge(facts, machine, installed)
    assert not verdict.can
    assert because in verdict.because


def test_each_build_uses_its_own_devices() -> None:
    assert Vllm().judge(FACTS, NVIDIA, INSTALLED).kinds == ("nvidia",)
    assert Vllm().judge(FACTS, NVIDIA, CPU_BUILD).kinds == ("cpu",)
    assert not Vllm().judge(FACTS, LINUX, INSTALLED).can


def test_the_load_becomes_flags() -> None:
    said = argv(tensor_parallel=2, kv_dtype="fp8")
    for words in (
        "--model /views/acme/tiny --served-model-name acme/tiny",
        "--max-model-len 1024",
        "--max-num-seqs 16",
        "--tensor-parallel-size 2",
        "--kv-cache-dtype fp8",
        "--gpu-memory-utilization 0.9",
    ):
        assert words in said
    assert "0.75" in argv(flags=(("gpu-memory-utilization", "0.75"),))
    assert "--tensor-parallel-size" not in argv()


def test_the_cpu_build_has_no_gpu_to_share() -> None:
    assert "--gpu-memory-utilization" not in argv(CPU_BUILD)
    assert "--enforce-eager" in argv(CPU_BUILD)


@pytest.mark.parametrize(
    ("version", "task", "words"),
    [
        ("0.32.0", Task.EMBED, "--runner pooling --convert embed"),
        ("0.32.0", Task.RERANK, "--runner pooling --convert classify"),
        ("0.9.2", Task.EMBED, "--task embed"),
        ("0.9.2", Task.RERANK, "--task score"),
        ("unknown", Task.EMBED, "--runner pooling"),
    ],
)
def test_the_task_is_said_as_the_version_wants_it(version: str, task: Task, words: str) -> None:
    said = argv(replace(INSTALLED, version=version), replace(MODEL, task=task))
    assert words in said
    assert ("--task" in said) != ("--runner" in said)


def test_a_flag_that_is_gone_is_not_given_to_new_versions() -> None:
    """K, J7: `--disable-log-requests` makes a version from 0.11 on refuse to start."""
    assert "--disable-log-requests" in argv(replace(INSTALLED, version="0.9.2"))
    for version in ("0.10.0", "0.32.0", "unknown"):
        assert "--disable-log-requests" not in argv(replace(INSTALLED, version=version))


def test_the_user_s_own_command_takes_the_model_by_its_place() -> None:
    own = Installed("vllm", "unknown", ("/usr/bin/vllm", "serve"), "binary")
    assert argv(own).startswith("/usr/bin/vllm serve /views/acme/tiny --served-model-name")


def test_the_gates_of_architectures_are_in_order() -> None:
    assert [least for least, _ in MINIMUM] == sorted(least for least, _ in MINIMUM)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "ValueError: Free memory on device (3.2/79.1 GiB) on startup is less than desired "
            "GPU memory utilization (0.9, 71.2 GiB).",
            "gpu_taken",
        ),
        (
            "ValueError: To serve at least one request with the models's max seq len (131072), "
            "(16.00 GiB KV cache is needed, which is larger than the available KV cache memory",
            "context_too_large",
        ),
        ("RuntimeError: Failed to infer device type", "wrong_build"),
        (
            "NotImplementedError: Unsupported CPU attention configuration: head_dim=16",
            "unsupported_here",
        ),
        (
            "ValueError: Model architectures ['NewForCausalLM'] are not supported for now.",
            "unknown_architecture",
        ),
        ("api_server.py: error: unrecognized arguments: --disable-log-requests", "bad_flag"),
    ],
)
def test_causes_of_death(line: str, cause: str) -> None:
    found = Vllm().diagnose(("INFO starting", line), 1)
    assert found
    assert found.cause == cause
    assert found.evidence == line
