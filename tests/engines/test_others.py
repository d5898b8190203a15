"""SGLang, MLX, infinity and the Ampere build: each passes the suite, each with its own words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.engines.infinity import Infinity
from ostler.engines.llamacpp import AmpereLlamaCpp
from ostler.engines.mlx import Mlx
from ostler.engines.sglang import Sglang
from ostler.launchers.process import KILLED
from ostler.nouns import Format, Installed, ModelFacts, Served, Task, Workload
from ostler.ports import Engine
from ostler.testing.engines import MACHINES, EngineContract

LINUX, ARM, NVIDIA, AMD, MAC, WINDOWS = MACHINES
FACTS = ModelFacts(
    Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16", context_length=2048
)
MODEL = Served("acme/tiny", "/views/acme/tiny", "/views/acme/tiny/a.safetensors", Task.CHAT, FACTS)
EMBED = replace(MODEL, task=Task.EMBED, facts=replace(FACTS, task=Task.EMBED))
RERANK = replace(MODEL, task=Task.RERANK, facts=replace(FACTS, task=Task.RERANK))
SGLANG = Installed("sglang", "0.5.23", ("/env/bin/python", "-m", "sglang.launch_server"), "x")
MLX = Installed("mlx", "0.32.2", ("/env/bin/mlx_lm.server",), "environment")
INFINITY = Installed("infinity", "0.0.78", ("/env/bin/infinity_emb", "v2"), "environment")


def argv(engine: Engine, installed: Installed, model: Served = MODEL) -> str:
    load = Workload(context=1024, sequences=16, tensor_parallel=2)
    return " ".join(engine.launch(installed, model, load, "127.0.0.1", 21000).argv)


class TestSglang(EngineContract):
    @pytest.fixture
    def engine(self) -> Sglang:
        return Sglang()

    @pytest.fixture
    def installed(self) -> Installed:
        return SGLANG

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


class TestMlx(EngineContract):
    @pytest.fixture
    def engine(self) -> Mlx:
        return Mlx("/home/run")

    @pytest.fixture
    def installed(self) -> Installed:
        return MLX

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


class TestInfinity(EngineContract):
    @pytest.fixture
    def engine(self) -> Infinity:
        return Infinity()

    @pytest.fixture
    def installed(self) -> Installed:
        return INFINITY

    @pytest.fixture
    def served(self) -> Served:
        return EMBED


def test_sglang_says_its_load_in_its_own_flags() -> None:
    said = argv(Sglang(), SGLANG)
    assert said.startswith("/env/bin/python -m sglang.launch_server --model-path /views/acme/tiny")
    for words in ("--context-length 1024", "--max-running-requests 16", "--tp-size 2"):
        assert words in said
    assert "--is-embedding" in argv(Sglang(), SGLANG, EMBED)
    eight = replace(Workload(), kv_dtype="fp8")
    words = Sglang().launch(SGLANG, MODEL, eight, "127.0.0.1", 21000).argv
    assert words[words.index("--kv-cache-dtype") + 1] == "fp8_e4m3", "plain fp8 is none of its own"


# The flags that `python -m sglang.launch_server` of 0.5.23 has, as far as they are given here:
# read in the fields of its source (srt/arg_groups/fields), 522 in all.
OF_0_5_23 = {
    "--model-path", "--served-model-name", "--host", "--port", "--enable-metrics",
    "--context-length", "--max-running-requests", "--tp-size", "--mem-fraction-static",
    "--is-embedding", "--kv-cache-dtype", "--disable-radix-cache", "--chunked-prefill-size",
    "--attention-backend", "--device", "--max-total-tokens",
}  # fmt: skip
SGLANG_CPU = replace(SGLANG, version="0.5.23+cpu")
XLM = "XLMRobertaForSequenceClassification"


def test_sglang_is_given_flags_that_it_has() -> None:
    load = Workload(1024, 4, "fp8", tensor_parallel=2, flags=(("mem-fraction-static", "0.8"),))
    encoder = replace(EMBED, facts=replace(EMBED.facts, architecture="XLMRobertaModel"))
    given: set[str] = set()
    for installed, work in ((SGLANG, load), (SGLANG_CPU, Workload())):
        words = Sglang().launch(installed, encoder, work, "127.0.0.1", 21000).argv
        given |= {word for word in words if word.startswith("--")}
    assert given == OF_0_5_23


def test_sglang_gives_an_encoder_whole_texts() -> None:
    """A cached beginning ends it: `assert torch.equal(positions, expected_pos)`."""
    encoder = replace(EMBED, facts=replace(EMBED.facts, architecture="XLMRobertaModel"))
    said = argv(Sglang(), SGLANG, encoder)
    assert "--disable-radix-cache --chunked-prefill-size -1" in said
    assert "--attention-backend triton" in said
    assert "--disable-radix-cache" not in argv(Sglang(), SGLANG, EMBED), "a decoder that embeds"
    mine = replace(Workload(), flags=(("attention-backend", "fa3"),))
    words = " ".join(Sglang().launch(SGLANG, encoder, mine, "127.0.0.1", 21000).argv)
    assert words.count("--attention-backend") == 1
    assert "--attention-backend fa3" in words


def test_sglang_serves_cross_encoders_and_no_other_rerankers() -> None:
    crossing = replace(RERANK.facts, architecture=XLM)
    assert Sglang().judge(crossing, NVIDIA, SGLANG).can
    refused = Sglang().judge(RERANK.facts, NVIDIA, SGLANG)
    assert not refused.can
    assert "chat template of their own" in refused.because


def test_sglang_needs_a_gpu_or_a_build_for_processors() -> None:
    assert "a build for GPUs" in Sglang().judge(FACTS, LINUX, SGLANG).because
    assert Sglang().judge(FACTS, AMD, SGLANG).can
    assert Sglang().judge(FACTS, LINUX, SGLANG_CPU).kinds == ("cpu",)
    spec = Sglang().launch(SGLANG_CPU, MODEL, Workload(512, 4), "127.0.0.1", 21000)
    words = " ".join(spec.argv)
    assert spec.env["SGLANG_USE_CPU_ENGINE"] == "1"
    assert "--device cpu --attention-backend torch_native" in words
    assert "--max-total-tokens 2048" in words, "it would take most of the machine's memory"


def test_mlx_is_for_apple_silicon_and_can_be_tried_elsewhere() -> None:
    engine = Mlx("/home/run")
    assert engine.judge(FACTS, MAC, MLX).kinds == ("apple",)
    assert engine.judge(FACTS, LINUX, MLX).kinds == ("cpu",)
    assert "mlx needs macOS on Apple silicon" in engine.judge(FACTS, LINUX, None).because
    assert "no endpoint for the task embed" in engine.judge(EMBED.facts, MAC, MLX).because


def test_mlx_serves_the_name_that_is_a_link_to_the_files() -> None:
    spec = Mlx("/home/run").launch(MLX, MODEL, Workload(), "127.0.0.1", 21000)
    assert spec.links == {"acme/tiny": "/views/acme/tiny"}
    assert spec.env["HF_HUB_CACHE"] == spec.cwd == "/home/run/mlx-21000"


def test_infinity_serves_under_the_paths_of_the_openai_api() -> None:
    assert "--url-prefix /v1" in argv(Infinity(), INFINITY, EMBED)
    assert "only" in Infinity().judge(FACTS, LINUX, INFINITY).because


def test_the_ampere_build_is_not_for_nvidia_s_ampere() -> None:
    """The seed took it for a build for A100 and RTX 30 cards; it is one for ARM processors."""
    gguf = replace(FACTS, format=Format.GGUF)
    binary = Installed("ampere", "unknown", ("/engines/ampere/bin/llama-server",), "binary")
    altra = replace(ARM, cpu="Ampere(R) Altra(R) Processor")
    engine = AmpereLlamaCpp()
    assert "not for NVIDIA" in engine.judge(gguf, NVIDIA, binary).because
    assert not engine.judge(gguf, ARM, binary).can
    assert engine.judge(gguf, altra, binary).can
    assert "not installed" in engine.judge(gguf, altra, None).because


def test_sglang_that_killed_itself_is_not_called_killed_by_somebody() -> None:
    """In the words of 0.5.23; a cause that it names comes first."""
    last = (
        "[2026-11-21 18:57:23] Subprocess scheduler_0 (pid=1591) crashed with exit code -15.",
        f"ostler: {KILLED}",
    )
    found = Sglang().diagnose(last, -9)
    assert found is not None
    assert found.cause == "worker_died"
    known = Sglang().diagnose(("torch.OutOfMemoryError: CUDA out of memory.", *last), -9)
    assert known is not None
    assert known.cause == "out_of_memory"
    silent = Sglang().diagnose(last[1:], -9)
    assert silent is not None
    assert silent.cause == "killed"
