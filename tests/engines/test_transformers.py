"""transformers as an engine: what it refuses and why, and how its process is described."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.engines.transformers import Transformers
from ostler.nouns import Format, Installed, ModelFacts, Served, Task, Workload
from ostler.testing.engines import MACHINES, EngineContract

INSTALLED = Installed("transformers", "5.23.0", ("/engines/transformers", "serve"), "environment")
FACTS = ModelFacts(Format.SAFETENSORS, "llama", Task.CHAT, 10, 100, "F32", context_length=2048)
MODEL = Served("acme/tiny", "/views/acme/tiny", "/views/acme/tiny/a.safetensors", Task.CHAT, FACTS)
ENGINE = Transformers("/home/run")


class TestTransformers(EngineContract):
    @pytest.fixture
    def engine(self) -> Transformers:
        return ENGINE

    @pytest.fixture
    def installed(self) -> Installed:
        return INSTALLED

    @pytest.fixture
    def served(self) -> Served:
        return MODEL


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        (replace(FACTS, format=Format.GGUF), "llamacpp runs it as it is"),
        (replace(FACTS, format=Format.PYTORCH), "can run code"),
        (replace(FACTS, task=Task.EMBED), "no endpoint for the task embed"),
        (replace(FACTS, task=Task.RERANK), "no endpoint for the task rerank"),
        (replace(FACTS, remote_code=True), "Ostler does not run"),
        (replace(FACTS, quantization="awq 4-bit"), "awq 4-bit"),
    ],
)
def test_refusals_have_their_reason(facts: ModelFacts, because: str) -> None:
    verdict = ENGINE.judge(facts, MACHINES[0], INSTALLED)
    assert not verdict.can
    assert because in verdict.because


def test_the_served_name_is_a_link_to_the_files() -> None:
    spec = ENGINE.launch(INSTALLED, MODEL, Workload(threads=2), "127.0.0.1", 21000)
    assert spec.argv[2] == "acme/tiny"
    assert spec.links == {"acme/tiny": "/views/acme/tiny"}
    assert spec.cwd == "/home/run/transformers-21000"
    assert spec.env["HF_HUB_OFFLINE"] == "1"
    assert spec.env["HF_HUB_CACHE"] == spec.cwd
    assert spec.env["OMP_NUM_THREADS"] == "2"


def test_a_revision_in_the_name_is_no_part_of_the_link() -> None:
    spec = ENGINE.launch(INSTALLED, replace(MODEL, id="acme/tiny@v1"), Workload(), "::1", 21000)
    assert list(spec.links) == ["acme/tiny"]
    assert spec.model_name == "acme/tiny@v1"
