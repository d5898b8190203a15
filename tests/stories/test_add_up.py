"""`ostler add --up`: a service in the user's Compose file, started by the real Compose, asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Shell

from ostler.launchers.ports import free_port
from ostler.testing.dockerd import Dockerd, containers

MINE = (
    "# mine\nservices:\n  other:\n    image: acme/other:1   # never started\n    profiles: [no]\n"
)
IMAGES = """\
images:
  llamacpp: {{image: "{image}", version: wheel, command: {command}}}
"""


@pytest.fixture
def guest(shell: Shell, docker: Dockerd) -> Shell:
    if docker.plugins is None:
        pytest.skip("NO COMPOSE: `make consumers` brings it")
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir(mode=0o700)
    words = json.dumps(list(docker.image.words))
    wishes = IMAGES.format(image=docker.image.reference, command=words)
    (home / "ostler.yaml").write_text(wishes)
    shell.env |= docker.env | {"OSTLER_CONTAINER_SOCKET": docker.socket}
    return shell


def test_it_is_up_and_answers_and_goes_again(guest: Shell, docker: Dockerd, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(MINE)
    wishes = Path(guest.env["OSTLER_HOME"], "ostler.yaml").read_text()
    port = str(free_port("127.0.0.1", range(21850, 21900)))
    words = ("add", f"{CHAT}#q8_0", "--into", str(file), "--service", "tiny", "--port", port)
    try:
        done = guest.ok(*words, "--max-model-len", "512", "--up")
        assert "test: /v1/chat/completions answered" in done.out
        assert guest.ok("sync", "--check").code == 0

        (id,) = containers(docker.socket)
        subprocess.run(["docker", "kill", id], env={**os.environ, **docker.env}, check=True,
                       capture_output=True)  # fmt: skip
        subprocess.run(["docker", "wait", id], env={**os.environ, **docker.env}, check=True,
                       capture_output=True)  # fmt: skip
        broken = guest.run("sync", "--check", "--json")
        assert [one["kind"] for one in broken.json()["differences"]] == ["not_running"]

        guest.ok("rm", f"{CHAT}#q8_0", "--keep", "--yes")
        assert file.read_text() == MINE
        assert Path(guest.env["OSTLER_HOME"], "ostler.yaml").read_text() == wishes
        left = guest.run("sync", "--check", "--json", "-f", str(file)).json()["differences"]
        assert [one["kind"] for one in left] == ["runs_unknown"]
        assert left[0]["fix"].endswith("up -d --remove-orphans")
    finally:
        for id in containers(docker.socket):
            subprocess.run(["docker", "rm", "-f", id], env={**os.environ, **docker.env},
                           check=True, capture_output=True)  # fmt: skip


def test_one_that_does_not_come_up_is_taken_back(
    guest: Shell, docker: Dockerd, tmp_path: Path
) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(MINE)
    image = "sha256:" + "0" * 64
    words = ("add", f"{CHAT}#q8_0", "--into", str(file), "--image", image, "--up")
    done = guest.run(*words)
    assert done.code == 13
    assert "docker compose up" in done.err
    assert file.read_text() == MINE
    assert containers(docker.socket) == []
    assert guest.ok("sync", "--check").code == 0
