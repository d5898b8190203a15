"""llama.cpp as an engine: what it can run, and the words that start it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.core.memory import estimate
from ostler.engines.llamacpp import LlamaCpp
from ostler.nouns import Format, Installed, ModelFacts, Served, Task, Workload
from ostler.programs.llamacpp import parse
from ostler.testing.engines import MACHINES, UNKNOWN, EngineContract

WHEEL = Installed("llamacpp", "2026.10.11549", ("python", "-m", "server"), "wheel")
BINARY = Installed("llamacpp", "unknown", ("/usr/bin/llama-server",), "binary")
FACTS = ModelFacts(Format.GGUF, "llama", Task.CHAT, 10, 100, "Q8_0", context_length=2048)
MODEL = Served("acme/tiny", "/models", "/models/tiny.gguf", Task.CHAT, FACTS, ("tiny",))
HOST, PORT = "127.0.0.1", 21000


class TestLlamaCpp(EngineContract):
    @pytest.fixture
    def engine(self) -> LlamaCpp:
        return LlamaCpp()

    @pytest.fixture(params=[WHEEL, BINARY], ids=["wheel", "binary"])
    def installed(self, request: pytest.FixtureRequest) -> Installed:
        return request.param

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


def flags(workload: Workload, served: Served = MODEL, installed: Installed = WHEEL) -> list[str]:
    spec = LlamaCpp().launch(installed, served, workload, HOST, PORT)
    return list(spec.argv[len(installed.argv) :])


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_other_formats_are_refused_with_the_reason() -> None:
    verdict = LlamaCpp().judge(UNKNOWN, MACHINES[0], WHEEL)
    assert not verdict.can
    assert "GGUF files only" in verdict.because
    assert "safetensors" in verdict.because


def test_our_program_understands_every_flag() -> None:
    workload = Workload(context=512, sequences=3, kv_dtype="q8_0", threads=2)
    read = parse(flags(workload))
    assert read.model == "/models/tiny.gguf"
    assert (read.host, read.port, read.task) == (HOST, PORT, "chat")
    assert (read.context, read.parallel, read.kv_dtype, read.threads) == (512, 3, "q8_0", 2)
    assert read.alias == ["acme/tiny"]


@pytest.mark.parametrize("asked", [None, 512, 100_000])
@pytest.mark.parametrize("own", [None, 2048, 131_072])
def test_the_context_is_the_one_that_the_estimate_counted(
    asked: int | None, own: int | None
) -> None:
    served = replace(MODEL, facts=replace(FACTS, context_length=own))
    workload = Workload(context=asked)
    counted = estimate(served.facts, workload, "llamacpp").context
    assert after(flags(workload, served), "--context") == str(counted)


def test_the_binary_gets_the_context_of_all_sequences() -> None:
    words = flags(Workload(context=512, sequences=4), installed=BINARY)
    assert (after(words, "-c"), after(words, "-np")) == ("2048", "4")


@pytest.mark.parametrize(("task", "flag"), [(Task.EMBED, "--embedding"), (Task.RERANK, "--rerank")])
def test_the_binary_reads_a_whole_text_in_one_batch(task: Task, flag: str) -> None:
    words = flags(Workload(context=4096), replace(MODEL, task=task), BINARY)
    assert any(word.startswith(flag) for word in words)
    assert after(words, "-ub") == "4096"


def test_only_the_program_of_ours_watches_its_parent() -> None:
    engine = LlamaCpp()
    assert engine.launch(WHEEL, MODEL, Workload(), HOST, PORT).watches_parent
    assert not engine.launch(BINARY, MODEL, Workload(), HOST, PORT).watches_parent
