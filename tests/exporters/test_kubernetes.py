"""Manifests say exactly what would run, with the least rights, and Kubernetes accepts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.exporters.consumers import accepted, program, run

from ostler.core.labels import LABEL, LONGEST, checked, label
from ostler.engines.llamacpp import LlamaCpp
from ostler.engines.mlx import Mlx
from ostler.engines.sglang import Sglang
from ostler.engines.triton import Triton
from ostler.engines.vllm import Vllm
from ostler.errors import EngineUnsupported, UsageError
from ostler.exporters.blocks import dumped
from ostler.exporters.kubernetes.cluster import (
    GIB,
    MANY,
    Cluster,
    Outside,
    SecretKey,
    storage_for,
)
from ostler.exporters.kubernetes.kustomize import tree
from ostler.exporters.kubernetes.objects import objects
from ostler.nouns import Format, Installed, LaunchSpec, ModelFacts, Served, Task, Workload
from ostler.ports import Engine

DIGEST = "a" * 64
HOME = "/var/lib/ostler"
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 40 * GIB, "BF16")
MODEL = Served("acme/tiny", f"{HOME}/views/t", f"{HOME}/views/t/a", Task.CHAT, FACTS)
VLLM = Installed("vllm", "0.11.0", ("python3", "-m", "vllm.entrypoints.openai.api_server"), "image")
SGLANG = Installed("sglang", "0.5.23", ("python3", "-m", "sglang.launch_server"), "image")
LLAMACPP = Installed("llamacpp", "b1", ("/app/llama-server",), "binary")
TRITON = Installed("triton", "24.05", ("tritonserver",), "image")
LOAD = Workload(4096, 8)


def described(name: str = "vllm") -> tuple[LaunchSpec, int]:
    known: dict[str, tuple[Engine, Installed]] = {
        "vllm": (Vllm(), VLLM),
        "sglang": (Sglang(), SGLANG),
        "llamacpp": (LlamaCpp(), LLAMACPP),
        "triton": (Triton("/run/ostler"), TRITON),
    }
    engine, installed = known[name]
    spec = engine.launch(installed, MODEL, LOAD, "0.0.0.0", 8000)
    return spec, len(installed.argv)


def asked(**said: Any) -> Cluster:
    return replace(
        Cluster(
            name="tiny",
            image=f"vllm/vllm-openai@sha256:{DIGEST}",
            words=3,
            puller=f"registry.example/ostler@sha256:{DIGEST}",
            ref="hf:acme/tiny@0123#safetensors",
            storage=storage_for(40 * GIB),
            home=HOME,
            gpus=1,
            token=SecretKey("huggingface", "HF_TOKEN", optional=True),
        ),
        **said,
    )


def by_kind(engine: str = "vllm", **said: Any) -> Mapping[str, Any]:
    spec, words = described(engine)
    return {one["kind"]: one for one in objects(spec, asked(words=words, **said))}


def pod(engine: str = "vllm", **said: Any) -> Any:
    return by_kind(engine, **said)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "llamacpp", "triton"])
def test_the_command_is_what_would_run(engine: str) -> None:
    spec, _ = described(engine)
    container = pod(engine)["containers"][0]
    assert [*container["command"], *container["args"]] == list(spec.argv)
    said = {one["name"]: one.get("value") for one in container["env"]}
    assert said.items() >= spec.env.items()


def test_loading_may_take_as_long_as_the_estimate_says() -> None:
    spec, _ = described()
    probe = pod()["containers"][0]["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= spec.deadline
    assert spec.deadline > 1000  # 40 GiB from a slow disk
    patience = by_kind()["Deployment"]["spec"]["progressDeadlineSeconds"]
    assert patience > spec.deadline + 40 * 20  # and the pull comes before


@pytest.mark.parametrize(("engine", "path"), [("vllm", "/health"), ("triton", "/v2/health/ready")])
def test_ready_is_asked_by_the_engine_s_own_path(engine: str, path: str) -> None:
    container = pod(engine)["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}


def test_the_least_rights() -> None:
    for openshift in (False, True):
        found = pod(openshift=openshift)
        rights = found["securityContext"]
        assert rights["runAsNonRoot"] is True
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
        # OpenShift refuses a pod that names a user outside the namespace's own range.
        assert {"runAsUser", "runAsGroup", "fsGroup"}.isdisjoint(rights) is openshift
        assert found["automountServiceAccountToken"] is False
        for container in (*found["initContainers"], *found["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
    assert pod()["securityContext"]["runAsGroup"] == 0


def test_the_weights_can_be_written_by_the_pull_alone() -> None:
    found = pod()
    of = [
        next(one for one in container["volumeMounts"] if one["name"] == "weights")
        for container in (found["initContainers"][0], found["containers"][0])
    ]
    assert [one.get("readOnly", False) for one in of] == [False, True]


def test_the_token_is_named_and_goes_to_the_pull_alone() -> None:
    text = dumped(list(by_kind().values()))
    assert text.count("secretKeyRef") == 1
    (token,) = [one for one in pod()["initContainers"][0]["env"] if one["name"] == "HF_TOKEN"]
    said = {"name": "huggingface", "key": "HF_TOKEN", "optional": True}
    assert token["valueFrom"] == {"secretKeyRef": said}


def test_gpus_are_asked_for_by_name_and_shared_memory_is_there() -> None:
    found = pod(gpus=2)
    assert found["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 2}
    assert found["tolerations"][0]["key"] == "nvidia.com/gpu"
    (shm,) = [one for one in found["volumes"] if one["name"] == "shm"]
    assert shm["emptyDir"]["medium"] == "Memory"
    without = pod("llamacpp", gpus=0, memory=3 * GIB)
    assert without["containers"][0]["resources"] == {"requests": {"cpu": "1", "memory": "3072Mi"}}
    assert "tolerations" not in without


def test_a_key_is_read_from_a_secret_by_variable_or_by_file() -> None:
    key = SecretKey("callers", "api-key")
    env = pod(key=key)["containers"][0]["env"]
    assert env[-1]["name"] == "VLLM_API_KEY"
    assert env[-1]["valueFrom"]["secretKeyRef"] == {"name": "callers", "key": "api-key"}
    found = pod("llamacpp", key=key)
    assert found["containers"][0]["args"][-2:] == ["--api-key-file", "/run/secrets/api_keys"]
    assert found["volumes"][-1]["secret"]["items"] == [{"key": "api-key", "path": "api_keys"}]
    with pytest.raises(EngineUnsupported, match="command line only"):
        pod("sglang", key=key)


def test_several_replicas_want_a_volume_that_several_nodes_mount() -> None:
    with pytest.raises(UsageError, match="2 replicas may run on as many nodes") as refused:
        by_kind(replicas=2)
    assert "--access ReadWriteMany" in refused.value.hint
    found = by_kind(replicas=2, access=MANY)
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == [MANY]
    assert found["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert by_kind()["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_triton_s_files_are_mounted_one_by_one() -> None:
    """A ConfigMap mounted whole brings folders such as ..data, each of which Triton would load."""
    spec, _ = described("triton")
    found = by_kind("triton")
    mounts = {
        one["mountPath"]: one["subPath"]
        for one in pod("triton")["containers"][0]["volumeMounts"]
        if one["name"] == "files"
    }
    data = found["ConfigMap"]["data"]
    assert {path: data[key] for path, key in mounts.items()} == {
        f"{spec.cwd}/{name}": text for name, text in spec.files.items()
    }
    ports = {one["name"]: one["port"] for one in found["Service"]["spec"]["ports"]}
    assert ports == {"http": 8000, "grpc": 8001, "metrics": 8002}


def test_an_engine_without_an_image_is_refused() -> None:
    installed = Installed("mlx", "1", ("/env/bin/mlx_lm.server",), "environment")
    spec = Mlx("/run").launch(installed, MODEL, LOAD, "0.0.0.0", 8000)
    with pytest.raises(EngineUnsupported, match="mlx is not written down for a cluster"):
        objects(spec, asked(words=1))


def test_the_volume_holds_the_files_and_what_stays_free() -> None:
    assert storage_for(0) == 2 * GIB
    assert storage_for(40 * GIB) == 46 * GIB


@given(st.text(min_size=1))
def test_any_name_becomes_a_label(text: str) -> None:
    found = label(text)
    assert LABEL.fullmatch(found)
    assert len(found) <= LONGEST
    assert checked(found) == found
    assert label(found) == found


@pytest.mark.parametrize("name", ["LLM_Qwen", "-a", "a.b", "1a", "a" * 46, ""])
def test_a_name_that_kubernetes_would_refuse_is_refused_with_one_that_does(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked(name)
    assert LABEL.fullmatch(refused.value.hint.removeprefix("--name "))


def test_long_names_stay_apart() -> None:
    assert label("x" * 60 + "a") != label("x" * 60 + "b")
    assert label("LLM_Qwen") == "llm-qwen"


EVERY = [
    ("vllm", {}),
    ("vllm", {"gpus": 2, "replicas": 2, "access": MANY, "storage_class": "nfs"}),
    ("vllm", {"outside": Outside("h.example", "Ingress", "nginx", "cert")}),
    ("vllm", {"outside": Outside("h.example", "Ingress"), "key": SecretKey("callers", "k")}),
    ("sglang", {"openshift": True, "hub": "http://hub.models.svc:8078"}),
    ("llamacpp", {"gpus": 0, "memory": GIB, "key": SecretKey("callers", "k")}),
    ("triton", {"openshift": True, "outside": Outside("h.example", "Route")}),
]


def test_kubernetes_accepts_every_kind_of_it(tmp_path: Path) -> None:
    documents = []
    for engine, said in EVERY:
        spec, words = described(engine)
        found = objects(spec, asked(words=words, **said))
        documents += [dumped(one) for one in found if one["kind"] != "Route"]
    accepted("---\n".join(documents), tmp_path)


def test_kustomize_reads_the_folder_back_as_the_same_objects(tmp_path: Path) -> None:
    kubectl = program("kubectl")
    spec, words = described("triton")
    cluster = asked(words=words, outside=Outside("h.example", "Route"))
    for name, text in tree(spec, cluster).items():
        (tmp_path / name).write_text(text)
    done = run([kubectl, "kustomize", str(tmp_path)])
    assert done.returncode == 0, done.stderr
    found = {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}
    assert found == {one["kind"]: one for one in objects(spec, cluster)}
