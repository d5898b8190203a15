"""A real tritonserver, from the wheel of nvidia-pytriton, with our stand-in for its vLLM backend.

The server, its Python backend and its protocols are NVIDIA's own. `make consumers` installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".consumers/triton"
STANDIN = ROOT / "tests/triton/backend/model.py"
PATIENCE = 60.0  # seconds until it is ready or has ended; two are usual


@dataclass(frozen=True)
class Server:
    """How it went: ready at an address, or ended, and what its log says."""

    address: str
    ready: bool
    log: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """GET a path, or POST a body to it; return the status and the answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.address + path, data=data)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


def words(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return what starts the server, and its environment; skip where it is not installed."""
    packages = next(PLACE.glob("lib/python*/site-packages"), None)
    if not (PLACE / ".ready").is_file() or packages is None:
        pytest.skip("tritonserver is not here, so nothing was loaded into it; `make consumers`")
    home = packages / "pytriton/tritonserver"
    backends = folder / "backends"
    python = packages.parent.name.removeprefix("python")
    shutil.copytree(home / "backends/python", backends / "python", dirs_exist_ok=True)
    stub = home / "python_backend_stubs" / python / "triton_python_backend_stub"
    shutil.copy(stub, backends / "python" / stub.name)
    (backends / "vllm").mkdir(exist_ok=True)
    shutil.copy(STANDIN, backends / "vllm/model.py")
    environment = {
        "PATH": f"{PLACE}/bin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
        "PYTHONPATH": str(packages),
    }
    program = home / "bin/tritonserver"
    return [str(program), "--backend-directory", str(backends)], environment


@contextmanager
def running(argv: list[str], environment: dict[str, str], port: int, log: Path) -> Iterator[Server]:
    """Start it, wait until it is ready or has ended, and end it."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=out)
    try:
        server = Server(f"http://127.0.0.1:{port}", False, log)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if server.ask("/v2/health/ready")[0] == 200:
                    server = Server(server.address, True, log)
                    break
            except OSError:
                time.sleep(0.05)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
