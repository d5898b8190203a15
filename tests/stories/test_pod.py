"""A pod as a kubelet would run it: each container as its manifest says, in a real dockerd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stories.conftest import CHAT, Shell

from ostler.launchers.ports import free_port
from ostler.testing.dockerd import Dockerd

OSTLER = "registry.example/ostler@sha256:" + "a" * 64
PATIENCE = 60.0  # seconds


def test_the_pod_answers(shell: Shell, docker: Dockerd, tmp_path: Path) -> None:
    """Not root, on a read-only root, without a capability, from weights it cannot write."""
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir()
    words = list(docker.image.words)
    images = {"llamacpp": {"image": docker.image.reference, "command": words}, "ostler": OSTLER}
    (home / "ostler.yaml").write_text(yaml.safe_dump({"images": images}))
    done = shell.ok("export", "kubernetes", f"{CHAT}#q8_0", "--context", "512")
    objects = {one["kind"]: one for one in yaml.safe_load_all(done.out)}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (engine,) = pod["containers"]

    volume = pulled(shell, tmp_path, objects, pod)
    port = free_port("127.0.0.1", range(25000, 26000))
    name = f"ostler-pod-{os.getpid()}"
    argv = ["docker", "run", "--rm", "--detach", "--name", name,
            "--publish", f"127.0.0.1:{port}:{engine['ports'][0]['containerPort']}",
            *as_docker(pod, engine, volume)]  # fmt: skip
    started = subprocess.run(argv, env=docker.env, capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr
    try:
        probe = engine["startupProbe"]["httpGet"]["path"]
        until_ready(f"http://127.0.0.1:{port}{probe}", name, docker)
        asked = {"model": f"{CHAT}#q8_0", "temperature": 0, "max_tokens": 8,
                 "messages": [{"role": "user", "content": "Say hello"}]}  # fmt: skip
        answer = post(f"http://127.0.0.1:{port}/v1/chat/completions", asked)
        assert answer["choices"][0]["message"]["content"] == "hello"
    finally:
        subprocess.run(["docker", "stop", name], env=docker.env, capture_output=True, check=False)


def pulled(shell: Shell, folder: Path, objects: dict[str, Any], pod: Any) -> Path:
    """Run the init container's script; return the volume, owned by the pod's user."""
    (init,) = pod["initContainers"]
    said = {one["name"]: one["value"] for one in init["env"] if "value" in one}
    volume, script = folder / "volume", folder / "pull.sh"
    script.write_text(objects["ConfigMap"]["data"]["pull.sh"])
    shim = folder / "ostler"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m ostler "$@"\n')
    shim.chmod(0o755)
    env = shell.env | said | {"OSTLER_HOME": str(volume), "HOME": str(folder)}
    env["PATH"] = f"{folder}:{shell.env['PATH']}"
    subprocess.run(["/bin/sh", str(script)], env=env, check=True, capture_output=True)
    rights = pod["securityContext"]
    for place, folders, files in os.walk(volume):
        for one in (place, *(os.path.join(place, name) for name in (*folders, *files))):
            os.lchown(one, rights["runAsUser"], rights["runAsGroup"])
    return volume


def as_docker(pod: Any, container: Any, volume: Path) -> list[str]:
    """Return a container of a pod as `docker run` takes it."""
    rights, own = pod["securityContext"], container["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    words = ["--user", f"{rights['runAsUser']}:{rights['runAsGroup']}"]
    words += ["--security-opt", "no-new-privileges"]
    words += ["--read-only"] if own["readOnlyRootFilesystem"] else []
    words += [word for one in own["capabilities"]["drop"] for word in ("--cap-drop", one)]
    for mount in container["volumeMounts"]:
        if mount["name"] == "weights":
            assert mount["readOnly"]
            words += ["--volume", f"{volume}:{mount['mountPath']}:ro"]
        else:
            assert mount["name"] in ("tmp", "shm")
            words += ["--tmpfs", f"{mount['mountPath']}:mode=1777"]
    words += [
        word for one in container["env"] for word in ("--env", f"{one['name']}={one['value']}")
    ]
    program, *rest = container["command"]
    return [*words, "--entrypoint", program, container["image"], *rest, *container["args"]]


def until_ready(url: str, name: str, docker: Dockerd) -> None:
    """Ask the probe's address until it says 200; fail with the container's log."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            time.sleep(0.05)
    log = subprocess.run(
        ["docker", "logs", name], env=docker.env, capture_output=True, text=True, check=False
    )
    pytest.fail(f"not ready: {log.stdout[-500:]}{log.stderr[-500:]}")


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())
