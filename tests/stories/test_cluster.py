"""A model written down for a cluster and for Triton, by the real command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stories.conftest import CHAT, SHIPPED, Shell, environment
from tools.seed_triton import ARGUMENTS, CONFIG, WEIGHTS

from ostler.errors import LicenceBlocked, OstlerError
from ostler.faces.cli.export_kubernetes import kubernetes
from ostler.settings import Settings, load

LLAMA = "ostler/tiny-llama"
DIGEST = "sha256:" + "a" * 64
IMAGE, OSTLER = f"vllm/vllm-openai@{DIGEST}", f"registry.example/ostler@{DIGEST}"
VLLM = (LLAMA, "--gpus", "1", "--image", IMAGE, "--engine-version", "0.11.0",
        "--ostler-image", OSTLER)  # fmt: skip


def exported(shell: Shell, *words: str) -> dict[str, Any]:
    done = shell.ok("export", "kubernetes", *words)
    return {one["kind"]: one for one in yaml.safe_load_all(done.out)}


def pod(found: dict[str, Any]) -> Any:
    return found["Deployment"]["spec"]["template"]["spec"]


def test_the_init_container_s_script_pulls_once(shell: Shell, tmp_path: Path) -> None:
    """The second run does nothing, asks no hub, and ends well: its hub is gone."""
    shell.ok("export", "kubernetes", *VLLM, "-o", str(tmp_path / "deploy"))
    objects = yaml.safe_load((tmp_path / "deploy/files.yaml").read_text())
    script = tmp_path / "pull.sh"
    script.write_text(objects["data"]["pull.sh"])
    deployment = yaml.safe_load((tmp_path / "deploy/deployment.yaml").read_text())
    (init,) = deployment["spec"]["template"]["spec"]["initContainers"]
    said = {one["name"]: one["value"] for one in init["env"] if "value" in one}
    home = tmp_path / "volume"
    env = shell.env | {"OSTLER_MODEL": said["OSTLER_MODEL"], "OSTLER_HOME": str(home)}
    env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(script)], env=env | more, capture_output=True, text=True, check=False
        )

    first = run()
    assert first.returncode == 0, first.stderr
    assert "every byte verified" in first.stderr
    before = {path: path.lstat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    second = run(HF_ENDPOINT="http://127.0.0.1:9")
    assert second.returncode == 0, second.stderr
    assert "nothing to do" in second.stdout
    assert {path: path.lstat().st_mtime_ns for path in before} == before

    # What the engine is told to load is what was pulled, under the volume's place in the pod.
    argv = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    weights = argv[argv.index("--model") + 1]
    inside = Path(str(home) + weights.removeprefix(said["OSTLER_HOME"]))
    assert (inside / "config.json").is_file()
    assert list(inside.glob("*.safetensors"))


def test_a_model_that_is_kept_is_written_as_one_that_is_not(shell: Shell) -> None:
    before = exported(shell, *VLLM)
    shell.ok("pull", LLAMA, "--quiet")
    assert exported(shell, *VLLM) == before


def test_gguf_runs_on_processors(shell: Shell) -> None:
    image = f"ghcr.io/ggml-org/llama.cpp@{DIGEST}"
    words = (f"{CHAT}#q8_0", "--image", image, "--ostler-image", OSTLER)
    found = exported(shell, *words)
    (engine,) = pod(found)["containers"]
    assert engine["command"] == ["/app/llama-server"]
    asked = engine["resources"]["requests"]["memory"]
    assert 1 < int(asked.removesuffix("Mi")) < 1024  # the estimate of a tiny model
    (engine,) = pod(exported(shell, *words, "--memory", "2GiB"))["containers"]
    assert engine["resources"] == {"requests": {"cpu": "1", "memory": "2048Mi"}}
    assert found["Deployment"]["metadata"]["name"] == "tiny-llama-gguf-q8-0"


def test_triton_in_a_cluster_reads_its_repository_from_a_configmap(shell: Shell) -> None:
    image = f"nvcr.io/nvidia/tritonserver@{DIGEST}"
    found = exported(shell, LLAMA, "--engine", "triton", "--image", image, "--engine-version",
                     "24.05", "--ostler-image", OSTLER, "--gpus", "2", "--openshift",
                     "--route", "chat.apps.example", "--open")  # fmt: skip
    (engine,) = pod(found)["containers"]
    assert engine["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    said = json.loads(found["ConfigMap"]["data"]["model.json"])
    assert said["tensor_parallel_size"] == 2
    assert said["model"].startswith("/var/lib/ostler/views/hub/")
    assert found["Route"]["spec"]["tls"]["termination"] == "edge"
    assert "runAsUser" not in pod(found)["securityContext"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Settings:
    """The settings of a user who keeps the model."""
    env = environment(tmp_path_factory.mktemp("here"), shipped_hub)
    Shell(env).ok("pull", LLAMA, "--quiet")
    return load(env)


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (("--replicas", "2"), 2, "2 replicas", "--access ReadWriteMany"),
        (("--name", "LLM_Qwen"), 2, "no name for Kubernetes", "--name llm-qwen"),
        (("--image", "vllm/vllm-openai:latest"), 2, "not pinned by a digest", "imagetools"),
        (
            ("--ostler-image", "ostler:1"),
            2,
            "not pinned by a digest",
            "--ostler-image NAME@sha256:",
        ),
        (("--ingress", "chat.example"), 2, "no key is asked for", "--api-key-secret"),
        (("--gpus", "0"), 17, "could not run this model there", "--gpus 1"),
        (("--gpus", "3"), 41, "heads", ""),
        (("--engine", "mlx"), 2, "no known container image for mlx", "--engine"),
        (("--storage", "much"), 2, "no amount of bytes", "GiB"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    here: Settings, tmp_path: Path, words: tuple[str, ...], code: int, said: str, hint: str
) -> None:
    """In one process, as there are many of them."""
    with pytest.raises(OstlerError) as refused:
        kubernetes.main(
            [*VLLM, *words, "-o", str(tmp_path / "out")], obj=here, standalone_mode=False
        )
    assert refused.value.exit_code == code
    assert said in refused.value.what
    assert hint in refused.value.hint
    assert not (tmp_path / "out").exists()


def test_a_model_that_brings_code_is_not_written_down(shell: Shell, tmp_path: Path) -> None:
    """Code from a repository runs nowhere that we write down, whatever the engine would allow."""
    folder = tmp_path / "models/acme/coded"
    shutil.copytree(SHIPPED / LLAMA, folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    server = shell.background("hub", "serve", str(tmp_path / "models"), "--port", "0")
    try:
        assert server.stdout
        line = server.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://"))
        done = shell.run("export", "kubernetes", "acme/coded", *VLLM[1:], HF_ENDPOINT=address)
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert done.code == 17, done.err
    assert "code from its own repository" in done.err


def test_a_licence_that_the_policy_blocks_is_not_written_down(
    here: Settings, tmp_path: Path
) -> None:
    policy = tmp_path / "licences.yaml"
    policy.write_text("block: [apache-2.0]\n")
    with pytest.raises(LicenceBlocked):
        kubernetes.main([*VLLM], obj=replace(here, licence_policy=policy), standalone_mode=False)


def test_no_secret_is_ever_written(shell: Shell, tmp_path: Path) -> None:
    token = "hf_" + "s" * 34
    for kind in ("kubernetes", "helm"):
        shell.ok("export", kind, *VLLM, "--token-secret", "hub", "--api-key-secret", "callers:k",
                 "--ingress", "chat.example", "-o", str(tmp_path / kind),
                 HF_TOKEN=token)  # fmt: skip
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert not any(token in text for text in written)
    assert any("secretKeyRef" in text for text in written)


def test_too_little_for_it_is_said(shell: Shell) -> None:
    done = shell.ok("export", "kubernetes", *VLLM, "--replicas", "4", "--access", "ReadWriteMany",
                    "--cluster-gpus", "2", "--gpu-memory", "1MiB")  # fmt: skip
    assert "want 4, and the cluster has 2: be conservative" in done.err
    assert f"{LLAMA} needs" in done.err
    assert "1 GPU of 1.0 MiB has 1.0 MiB: be conservative" in done.err


def test_a_repository_for_triton_holds_paths_and_no_weights(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", LLAMA, "--quiet")
    out = tmp_path / "models"
    shell.ok("export", "triton", LLAMA, "-o", str(out), "--engine-version", "25.10")
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert found == ["ostler--tiny-llama/1/model.json", "ostler--tiny-llama/config.pbtxt"]
    said = json.loads((out / found[0]).read_text())
    assert Path(said["model"], "config.json").is_file()
    checked = shell.ok("triton", "check", str(out), "--json").json()
    assert checked == {"folder": str(out), "served": True, "findings": []}
    again = shell.run("export", "triton", LLAMA, "-o", str(out))
    assert again.code == 2
    assert "is there already" in again.err


def test_the_seed_s_own_tree_is_looked_through(shell: Shell, tmp_path: Path) -> None:
    model = tmp_path / "model_repository/vllm_model"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(CONFIG)
    (model / "1/model.json").write_text(ARGUMENTS)
    (model / "Llama-2-7b-hf").mkdir()
    (model / "Llama-2-7b-hf/config.json").write_text("{}")
    inside = WEIGHTS.partition("/vllm_model")[0]
    mount = ("--mount", f"{inside}={model.parent}")

    there = shell.ok("triton", "check", str(model.parent), *mount)
    assert "warn  vllm_model/Llama-2-7b-hf: Llama-2-7b-hf is no plain whole number" in there.out
    assert "fail" not in there.out
    nowhere = shell.run("triton", "check", str(model.parent), "--json")
    assert nowhere.code == 48
    assert {one["code"] for one in nowhere.json()["findings"]} > {"no_weights", "not_a_version"}
    assert all(one["do"] for one in nowhere.json()["findings"])
    none = shell.run("triton", "check", str(tmp_path / "nothing"))
    assert none.code == 2


BECOME = ("setpriv", "--reuid=1000650000", "--regid=0", "--clear-groups", "--no-new-privs",
          "--inh-caps=-all", "--bounding-set=-all")  # fmt: skip


def interpreter() -> tuple[str, str]:
    """Return a Python that such a user may run with our packages, and its PYTHONPATH; or skip."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root, with util-linux's setpriv, can become such a user")
    path = ":".join(one for one in sys.path if one.endswith(("site-packages", "/src")))
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        done = subprocess.run(
            [*BECOME, "/bin/sh", "-c", f"exec {python} -c 'import ostler.faces.cli.pull'"],
            env={"PYTHONPATH": path}, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return python, path
    pytest.skip("no other user may run this Python: it lies in a folder that is closed to others")


def test_the_script_works_for_a_user_that_a_cluster_assigns(shell: Shell) -> None:
    """Any user in group 0, without a name, a home, a capability or a way to more rights."""
    python, path = interpreter()
    objects = exported(shell, *VLLM)
    (init,) = pod(objects)["initContainers"]
    said = {one["name"]: one["value"] for one in init["env"] if "value" in one}
    with tempfile.TemporaryDirectory() as folder:
        volume, scratch, ours = (Path(folder, name) for name in ("volume", "tmp", "bin"))
        for place, mode in ((Path(folder), 0o777), (volume, 0o2770), (scratch, 0o777)):
            place.mkdir(exist_ok=True)
            place.chmod(mode)  # a volume comes as root's, and its group may write
        ours.mkdir()
        (ours / "ostler").write_text(f'#!/bin/sh\nexec {python} -m ostler "$@"\n')
        (ours / "ostler").chmod(0o755)
        (ours / "pull.sh").write_text(objects["ConfigMap"]["data"]["pull.sh"])
        env = {
            "PATH": f"{ours}:/usr/bin:/bin",
            "PYTHONPATH": path,
            "HF_ENDPOINT": shell.env["HF_ENDPOINT"],
            **said,
            "OSTLER_HOME": str(volume),
            "HOME": str(scratch),
        }
        script = [*BECOME, "/bin/sh", str(ours / "pull.sh")]
        done = [
            subprocess.run(script, env=env, capture_output=True, text=True, check=False)
            for _ in "ab"
        ]
        assert [one.returncode for one in done] == [0, 0], done
        assert "every byte verified" in done[0].stderr
        assert "nothing to do" in done[1].stdout
