"""Engines in containers through the real command line and a real dockerd."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import httpx2
import pytest
from tests.stories.conftest import CHAT, Shell, address_said, end

from ostler.testing.dockerd import Dockerd, containers

SETTINGS = """
images:
  llamacpp: {{image: "{image}", version: wheel, command: {command}}}
"""


@pytest.fixture
def guest(shell: Shell, docker: Dockerd) -> Shell:
    """A user with a model, and an image for its engine."""
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    shell.env["OSTLER_CONTAINER_SOCKET"] = docker.socket
    wish(shell, docker)
    return shell


def wish(shell: Shell, docker: Dockerd, more: str = "") -> None:
    said = SETTINGS.format(image=docker.image.reference, command=list(docker.image.words))
    Path(shell.env["OSTLER_HOME"], "ostler.yaml").write_text(said + more)


def test_run_answers_from_a_container_and_leaves_nothing(guest: Shell, docker: Dockerd) -> None:
    done = guest.ok("run", CHAT, "Say hello", "--in", "container", "--temperature", "0")
    assert done.out.strip() == "hello"
    assert containers(docker.socket) == []
    log = next(Path(guest.env["OSTLER_HOME"], "logs").glob("*.log"))
    assert f"in a container of {docker.image.reference}" in log.read_text()
    assert "model loaded" in log.read_text()


def test_the_printed_command_serves_the_model(guest: Shell, docker: Dockerd) -> None:
    """What `--print docker` prints is what a shell runs, and it answers."""
    port = "21849"
    printed = guest.ok("run", CHAT, "--print", "docker", "--port", port).out
    assert "--read-only" in printed
    server = subprocess.Popen(["sh", "-c", f"exec {printed}"], env={**os.environ, **docker.env})
    try:
        assert said_hello(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        assert server.wait(60) == 0
    assert containers(docker.socket) == []


def test_the_printed_shell_command_serves_the_model(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    printed = shell.ok("run", CHAT, "--print", "shell", "--port", "21848").out
    server = subprocess.Popen(["sh", "-c", f"exec {printed}"], stderr=subprocess.DEVNULL)
    try:
        assert said_hello("http://127.0.0.1:21848")
    finally:
        server.terminate()
        assert server.wait(60) == 0


def said_hello(address: str) -> bool:
    """Whether it says so within the deadline."""
    body = {"messages": [{"role": "user", "content": "Say hello"}], "temperature": 0}
    until = time.monotonic() + 60
    while True:
        try:
            answer = httpx2.post(f"{address}/v1/chat/completions", json=body, timeout=60)
        except httpx2.TransportError:
            time.sleep(0.05)
        else:
            if answer.status_code == 200:
                return bool(answer.json()["choices"][0]["message"]["content"] == "hello")
            time.sleep(0.05)
        assert time.monotonic() < until


def ask(address: str) -> str:
    body = {"model": CHAT, "messages": [{"role": "user", "content": "Say hello"}], "temperature": 0}
    answer = httpx2.post(f"{address}/v1/chat/completions", json=body, timeout=60)
    return str(answer.json()["choices"][0]["message"]["content"])


def test_serve_keeps_one_in_a_container_and_the_next_server_takes_it_over(
    guest: Shell, docker: Dockerd
) -> None:
    more = f'models:\n  "{CHAT}#q8_0": {{launcher: container, memory_limit: 2GiB}}\n'
    wish(guest, docker, more)
    first = guest.background("serve", "--port", "0")
    address = address_said(first)
    assert ask(address) == "hello"
    (id,) = containers(docker.socket)
    first.kill()
    first.communicate()
    assert containers(docker.socket) == [id], "it outlives the server"
    second = guest.background("serve", "--port", address.rpartition(":")[2])
    try:
        assert ask(address_said(second)) == "hello"
        assert containers(docker.socket) == [id], "it was taken over"
        guest.ok("stop", CHAT)
        assert containers(docker.socket) == []
    finally:
        end(second)


def test_one_that_was_left_and_is_not_wanted_is_swept(guest: Shell, docker: Dockerd) -> None:
    wish(guest, docker, f'models:\n  "{CHAT}#q8_0": {{launcher: container}}\n')
    first = guest.background("serve", "--port", "0")
    assert ask(address_said(first)) == "hello"
    assert len(containers(docker.socket)) == 1
    first.kill()
    first.communicate()
    wish(guest, docker, f'models:\n  "{CHAT}#q8_0": {{launcher: container}}\nadopt: false\n')
    second = guest.background("serve", "--port", "0")
    try:
        address_said(second)
        assert containers(docker.socket) == []
    finally:
        end(second)


WRONG = (
    (("--in", "container", "--image", "ghcr.io/x/y:latest"), 2, "not pinned by a digest"),
    (("--image", "sha256:" + "0" * 64), 2, "Say --in container"),
    (("--in", "container", "--image", "sha256:" + "0" * 64), 13, "is not on this machine"),
    (("--in", "container", "--engine", "mlx"), 17, "reads safetensors"),
    (("--print", "docker", "--engine", "mlx"), 2, "no known container image for mlx"),
    (("--print", "docker", "--engine", "nobody"), 2, "no engine 'nobody'"),
)


def test_what_cannot_be_is_a_sentence(guest: Shell) -> None:
    for words, code, said in WRONG:
        done = guest.run("run", CHAT, "Hi", *words)
        assert (done.code, said in done.err) == (code, True), done.err
        assert len(done.err.strip().splitlines()) >= 2


def test_without_docker_the_way_to_get_it_is_said(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    done = shell.run("run", CHAT, "Hi", "--in", "container",
                     OSTLER_CONTAINER_SOCKET=str(tmp_path / "none.sock"))  # fmt: skip
    assert "none.sock" in done.err
    assert "systemctl start docker" in done.err
    assert done.code == 49
