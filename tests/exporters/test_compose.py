"""A Compose file says exactly what would run, by image digest, with the least rights.

Compose itself reads it, and a dockerd starts what it says.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ostler.core import images
from ostler.core.containers import EVERYWHERE, contained, name_of
from ostler.engines.llamacpp import LlamaCpp
from ostler.engines.vllm import Vllm
from ostler.errors import EngineUnsupported, UsageError
from ostler.exporters.compose import Manner, document
from ostler.launchers.ports import free_port
from ostler.nouns import Container, Format, Image, ModelFacts, Mount, Place, Served, Task, Workload
from ostler.testing import tiny
from ostler.testing.dockerd import Dockerd, containers
from ostler.verbs import containing

FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16")
MODEL = Served("acme/new-model", "/home/m/views/t", "/home/m/views/t/a", Task.CHAT, FACTS)
FILES = (Mount("/home/m/blobs/ab", "/home/m/views/t/a"),)
USER = "1000:1000"


def of_vllm(gpus: tuple[str, ...], published: int = 8001, **place: Any) -> Container:
    image = images.image("vllm")
    load = Workload(context=8192, sequences=6, tensor_parallel=max(1, len(gpus)))
    spec = Vllm().launch(images.installed(image), MODEL, load, EVERYWHERE, 8000)
    spec = replace(spec, devices=tuple(f"nvidia:{gpu}" for gpu in gpus))
    return contained(spec, Place(image, FILES, USER, published, **place))


def service(one: Container, manner: Manner | None = None) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(document({"m": one}, manner))["services"]["m"]
    return found


def test_the_seeds_own_service_comes_out_right() -> None:
    """Its image pinned to a digest, a device by its id, a loopback port, no `version:`."""
    said = yaml.safe_load(
        document({"new-model_0": of_vllm(("0",))}, Manner(("new-model",), "llm_net"))
    )
    assert list(said) == ["services", "networks"]
    one = said["services"]["new-model_0"]
    assert one["container_name"] == "new-model_0"
    assert "vllm/vllm-openai@sha256:" in one["image"]
    assert one["command"][:2] == ["--model", "/models/acme/new-model"]
    assert " ".join(one["command"]).count("--max-model-len 8192") == 1
    assert " ".join(one["command"]).count("--gpu-memory-utilization 0.9") == 1
    assert one["volumes"][0]["read_only"] is True
    assert (one["profiles"], one["networks"]) == (["new-model"], ["llm_net"])
    assert said["networks"] == {"llm_net": {"external": True}}


def test_gpus_by_their_ids_and_tensor_parallel_over_them() -> None:
    one = service(of_vllm(("0", "1")))
    (device,) = one["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["0", "1"], "capabilities": ["gpu"]}
    assert "--tensor-parallel-size 2" in " ".join(one["command"])
    assert "deploy" not in service(of_vllm(()))


def test_names_say_which_gpus() -> None:
    names = [name_of("acme/Llama#q4", gpus) for gpus in ((), ("0",), ("1",), ("0", "1"), "0123")]
    assert names == ["llama-q4", "llama-q4_0", "llama-q4_1", "llama-q4_dual", "llama-q4_tp4"]


def test_the_least_rights_and_loopback_only() -> None:
    one = service(of_vllm(("0",)))
    assert one["ports"] == ["127.0.0.1:8001:8000"]
    assert (one["cap_drop"], one["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert (one["read_only"], one["user"]) == (True, USER)
    assert "profiles" not in one


def test_keys_come_from_a_file_and_are_not_written_down(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("sk-very-secret\n")
    one = llamacpp(images.image("llamacpp"), 8000, key_file=str(file))
    text = document({"m": one})
    assert "sk-very-secret" not in text
    assert yaml.safe_load(text)["secrets"] == {"api_keys": {"file": str(file)}}
    assert "--api-key-file" in one.command
    with pytest.raises(EngineUnsupported, match="vllm reads no keys from a file"):
        of_vllm((), key_file=str(file))


@pytest.mark.parametrize(
    "image", ["vllm/vllm-openai:latest", "vllm/vllm-openai:v0.11.0", "x@sha256:1"]
)
def test_an_image_without_a_digest_is_refused_with_how_to_find_it(image: str) -> None:
    with pytest.raises(UsageError) as refused:
        images.image("vllm", image)
    assert "imagetools inspect" in refused.value.hint


def test_an_engine_without_an_image_is_refused() -> None:
    with pytest.raises(UsageError, match="no known container image for mlx"):
        images.image("mlx")


@pytest.mark.parametrize("user", ["0:0", "root", "1000", "00:5"])
def test_no_engine_runs_as_root(user: str) -> None:
    spec = LlamaCpp().launch(
        images.installed(images.image("llamacpp")), tiny.gguf(), Workload(), EVERYWHERE, 8000
    )
    with pytest.raises(UsageError):
        contained(spec, Place(images.image("llamacpp"), (), user))


# --- the real Compose, and a real dockerd -----------------------------------------------------


def llamacpp(image: Image, port: int, **place: Any) -> Container:
    load = Workload(threads=1)
    spec = LlamaCpp().launch(images.installed(image), tiny.gguf(), load, EVERYWHERE, 8000)
    return contained(spec, containing.place(spec, image, published=port, **place))


def compose(docker: Dockerd, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if docker.plugins is None:
        pytest.skip("NO COMPOSE: `make consumers` brings it")
    argv = ["docker", "compose", "-p", "ostler-test", "-f", str(file), *words]
    env = {**os.environ, **docker.env}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_compose_reads_it_back_as_it_was_meant(docker: Dockerd, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    ones = {"new_0": of_vllm(("0",)), "new_1": of_vllm(("1",), 8002), "dual": of_vllm(("0", "1"))}
    file.write_text(document(ones, Manner(("chat",), "llm_net")))
    read = compose(docker, file, "--profile", "chat", "config", "--format", "json")
    assert read.returncode == 0, read.stderr
    services = json.loads(read.stdout)["services"]
    assert list(services) == ["dual", "new_0", "new_1"]
    for name, one in ones.items():
        said = services[name]
        assert tuple(said["entrypoint"]) + tuple(said["command"]) == one.entrypoint + one.command
        assert said["environment"] == dict(one.env)
        assert int(said["shm_size"]) == one.shm_bytes


def test_compose_keeps_dollars_and_refuses_what_it_does_not_know(
    docker: Dockerd, tmp_path: Path
) -> None:
    file = tmp_path / "compose.yaml"
    one = of_vllm(())
    words = (*one.command, "--chat-template", "${HOME} $$ 'x' \"y\" %")
    file.write_text(document({"m": replace(one, command=words)}))
    read = compose(docker, file, "config", "--format", "json")
    assert json.loads(read.stdout)["services"]["m"]["command"][-1] == words[-1].replace("$", "$$")
    file.write_text(
        document({"m": one}).replace("read_only: true\n    tmpfs", "readonly: 1\n    x")
    )
    assert compose(docker, file, "config").returncode != 0


def test_what_is_exported_is_up_and_says_hello(docker: Dockerd, tmp_path: Path) -> None:
    port = free_port("127.0.0.1", range(21850, 21900))
    file, keys = tmp_path / "compose.yaml", tmp_path / "keys"
    keys.write_text("sk-of-a-test\n")
    keys.chmod(0o644)
    one = llamacpp(docker.image, port, key_file=str(keys))
    file.write_text(document({"tiny": one}))
    try:
        up = compose(docker, file, "up", "--detach", "--wait")
        assert up.returncode == 0, up.stderr
        assert hello(port, "sk-of-a-test") == (200, "hello")
        assert hello(port, "sk-of-nobody")[0] == 401
    finally:
        assert compose(docker, file, "down").returncode == 0
    assert containers(docker.socket) == []


def hello(port: int, key: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = {"messages": [{"role": "user", "content": "Say hello"}], "temperature": 0}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said["choices"][0]["message"]["content"] if "choices" in said else ""
