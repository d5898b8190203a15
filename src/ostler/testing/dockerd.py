"""A real dockerd for tests, with an image of an engine made from this machine's own files.

It has a socket, a data folder and a bridge of its own, touches no firewall, and goes with the test
run. It wants Linux, root and the programs that `make test` unpacks into `.consumers/containers`, or
those on PATH; `Unavailable` says what is missing.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ostler.nouns import Image
from ostler.testing.engine_image import PYTHON, write_image

PATIENCE = 30.0  # seconds; it is up within one on an idle machine
ADD_BRIDGE, DELETE_BRIDGE = 0x89A0, 0x89A1  # linux/sockios.h
SET_ADDRESS, SET_MASK, SET_FLAGS = 0x8916, 0x891C, 0x8914
UP = 0x1
HOOK = r"""#!/bin/sh
config="$(sed 's/.*"bundle":"\([^"]*\)".*/\1/')/config.json"
grep -q 'NVIDIA_VISIBLE_DEVICES=[0-3,]*"' "$config" && exit 0
echo 'nvidia-container-cli: device error: unknown device' >&2
exit 1
"""
LLAMACPP_WORDS = (PYTHON, "-I", "-m", "ostler.programs.llamacpp")


class Unavailable(Exception):
    """No dockerd can run here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Dockerd:
    """One that runs: its socket, its programs, and an image of llama.cpp's server in it."""

    socket: str
    image: Image
    programs: str  # for PATH
    plugins: Path | None  # for DOCKER_CONFIG: where `docker compose` is; None: not there

    @property
    def env(self) -> dict[str, str]:
        """What lets the `docker` command find it."""
        found = {"DOCKER_HOST": f"unix://{self.socket}", "PATH": self.programs}
        return found | ({"DOCKER_CONFIG": str(self.plugins)} if self.plugins else {})


@contextmanager
def dockerd(unpacked: Path, folder: Path) -> Iterator[Dockerd]:
    """Run one under `folder`. Raises Unavailable."""
    program, env = found(unpacked)
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "docker.sock")
    env["PATH"] += os.pathsep + str(gpu_hook(folder / "hooks"))
    with bridge() as name, open(folder / "log", "wb") as log:
        argv = [program, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
        argv += ["--pidfile", str(folder / "pid"), "--host", f"unix://{path}", "--bridge", name]
        argv += ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
        if proxy := shutil.which("docker-proxy", path=env["PATH"]):
            argv += ["--userland-proxy-path", proxy]
        server = subprocess.Popen(argv, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(path, server, folder / "log")
            id = imported(path, write_image(folder / "image.tar"))
            image = Image("llamacpp", id, "wheel", LLAMACPP_WORDS, "wheel", "made for tests")
            yield Dockerd(path, image, env["PATH"], plugins(unpacked, folder))
        finally:
            server.terminate()
            server.wait(PATIENCE)


def gpu_hook(folder: Path) -> Path:
    """A stand-in for the hook of NVIDIA's toolkit: GPUs 0 to 3 are there, and no other."""
    folder.mkdir()
    program = folder / "nvidia-container-runtime-hook"
    program.write_text(HOOK)
    program.chmod(0o755)
    return folder


def found(unpacked: Path) -> tuple[str, dict[str, str]]:
    """Return dockerd and the environment that its helpers are found in. Raises Unavailable."""
    if not os.path.exists("/proc/self/ns/net") or os.geteuid() != 0:
        raise Unavailable("dockerd wants Linux and root")
    folders = [str(unpacked / "usr" / name) for name in ("bin", "sbin")]
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    program = shutil.which("dockerd", path=path)
    if program is None:
        raise Unavailable("dockerd not found: `make consumers`, or apt install docker.io")
    libraries = unpacked / "usr/lib/x86_64-linux-gnu"
    return program, {**os.environ, "PATH": path, "LD_LIBRARY_PATH": str(libraries)}


def wait_for(path: str, server: subprocess.Popen[bytes], log: Path, name: str = "dockerd") -> None:
    """Wait until it answers. Raises Unavailable with its last words."""
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            if ask(path, "GET", "/_ping")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    last = log.read_text(errors="replace").splitlines()[-1:]
    raise Unavailable(f"{name} does not come up here: {' '.join(last)[:300]}")


def imported(path: str, tar: Path) -> str:
    """Make an image of a tar file; return its id. Raises Unavailable."""
    with tar.open("rb") as file:
        status, body = ask(path, "POST", "/images/create?fromSrc=-", file, tar.stat().st_size)
    tar.unlink()
    said = [json.loads(line) for line in body.splitlines() if line.strip()]
    id = str(said[-1].get("status", "")) if said else ""
    if status != 200 or not id.startswith("sha256:"):
        raise Unavailable(f"no image is taken here: {body[:300]!r}")
    return id


def containers(path: str, label: str = "") -> list[str]:
    """Return the ids of all containers, or of those with a label, running or not."""
    filters = quote(json.dumps({"label": [label]} if label else {}))
    _, body = ask(path, "GET", f"/containers/json?all=true&filters={filters}")
    return [one["Id"] for one in json.loads(body)]


def ask(
    path: str, method: str, way: str, body: object = None, size: int | None = None
) -> tuple[int, bytes]:
    """Send one request to a unix socket; return the status and the body. Raises OSError."""
    connection = Connection(path)
    headers = {"Content-Length": str(size)} if size is not None else {}
    try:
        connection.request(method, way, body, headers)  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=60)
        self.path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def plugins(unpacked: Path, folder: Path) -> Path | None:
    """Return a configuration folder in which the `docker` command finds Compose."""
    compose = unpacked / "usr/libexec/docker/cli-plugins/docker-compose"
    if not compose.exists():
        return None
    place = folder / "config" / "cli-plugins"
    place.mkdir(parents=True)
    (place / "docker-compose").symlink_to(compose)
    return place.parent


@contextmanager
def bridge() -> Iterator[str]:
    """A bridge with a private address, by the system's oldest calls. Raises Unavailable."""
    number = os.getpid()
    name = f"ostler{number % 10**8}".encode()
    address = socket.inet_aton(f"10.{200 + number % 50}.{number // 50 % 256}.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            fcntl.ioctl(way, ADD_BRIDGE, name.ljust(16, b"\0"))
        except OSError as error:
            raise Unavailable(f"no bridge can be made here: {error.strerror}") from None
        try:
            for call, value in ((SET_ADDRESS, address), (SET_MASK, b"\xff\xff\xff\0")):
                said = struct.pack("16sHH4s8x", name, socket.AF_INET, 0, value)
                fcntl.ioctl(way, call, said)
            fcntl.ioctl(way, SET_FLAGS, struct.pack("16sH14x", name, UP))
            yield name.decode()
        finally:
            delete_bridge(way, name)


def delete_bridge(way: socket.socket, name: bytes) -> None:
    """Remove a bridge. Raises OSError where there is none."""
    fcntl.ioctl(way, SET_FLAGS, struct.pack("16sH14x", name, 0))
    fcntl.ioctl(way, DELETE_BRIDGE, name.ljust(16, b"\0"))
