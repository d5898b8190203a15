"""A Compose file says exactly what would run, by image digest, with the least rights."""

from __future__ import annotations

import pytest
import yaml

from ostler.core.images import inside, pinned
from ostler.engines.vllm import Vllm
from ostler.errors import UsageError
from ostler.exporters.compose import Place, document
from ostler.nouns import Format, ModelFacts, Served, Task, Workload

DIGEST = "vllm/vllm-openai@sha256:" + "a" * 64
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16")
MODEL = Served("acme/tiny", "/home/m/views/tiny", "/home/m/views/tiny/a", Task.CHAT, FACTS)


def written(gpus: tuple[str, ...]) -> tuple[dict[str, object], tuple[str, ...]]:
    installed = inside("vllm", "0.11.0")
    load = Workload(context=8192, sequences=6, tensor_parallel=max(1, len(gpus)))
    spec = Vllm().launch(installed, MODEL, load, "0.0.0.0", 8000)
    place = Place(DIGEST, "/home/m", "1000:1000", gpus, 8001)
    text = document("tiny", spec, len(installed.argv), place)
    found: dict[str, object] = yaml.safe_load(text)["services"]["tiny"]
    return found, spec.argv


def test_the_command_is_what_would_run() -> None:
    service, argv = written(("0",))
    assert [*service["entrypoint"], *service["command"]] == list(argv)  # type: ignore[misc]


def test_gpus_by_their_ids_and_tensor_parallel_over_them() -> None:
    service, argv = written(("0", "1"))
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]  # type: ignore[index]
    assert device == {"driver": "nvidia", "device_ids": ["0", "1"], "capabilities": ["gpu"]}
    assert "--tensor-parallel-size 2" in " ".join(argv)
    assert "deploy" not in written(())[0]


def test_the_least_rights_and_loopback_only() -> None:
    service, _ = written(("0",))
    assert service["ports"] == ["127.0.0.1:8001:8000"]
    assert service["volumes"] == ["/home/m:/home/m:ro"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["user"] == "1000:1000"
    assert "version" not in service


@pytest.mark.parametrize("image", [None, "vllm/vllm-openai:latest", "vllm/vllm-openai:v0.11.0"])
def test_an_image_without_a_digest_is_refused_with_how_to_find_it(image: str | None) -> None:
    with pytest.raises(UsageError) as refused:
        pinned(image, "vllm")
    assert "imagetools inspect vllm/vllm-openai" in refused.value.hint


def test_an_engine_without_an_image_is_refused() -> None:
    with pytest.raises(UsageError, match="no known container image for mlx"):
        inside("mlx", "1")
