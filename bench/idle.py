"""`python -m bench idle`: what a server that nobody asks takes, by how many models are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench import kept
from bench.rows import Row

MODELS = (4, 1000, 3000)
SETTLES, SPAN = 10.0, 30.0  # seconds until what starting costs is over, and of watching
AT_MOST = 2.0  # times the server that keeps four models


def rows(_: int) -> list[Row]:
    """Start a server on each store, and count the CPU seconds of it and its gateway."""
    used = {count: _used(count) for count in MODELS}
    few = used[MODELS[0]]
    return [
        Row(
            f"CPU of an idle minute, {count} models", round(used[count], 2), "s",
            round(few, 2), round(used[count] / few, 2), f"ratio <= {AT_MOST:g}",
            used[count] / few <= AT_MOST,
        )
        for count in MODELS
    ]  # fmt: skip


def _used(count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="ostler-bench-") as folder:
        home = Path(folder, "home")
        fill(home, count)
        with _serving(home) as server:
            time.sleep(SETTLES)
            before = _seconds(server)
            time.sleep(SPAN)
            return (_seconds(server) - before) * 60 / SPAN


def fill(home: Path, count: int) -> None:
    """Keep so many models: those made up here all name the contents of the first."""
    store, _ = kept.home(home)
    (first, *others) = store.manifests()
    path = home / "models" / first.source / first.name / f"{first.commit}.json"
    said = path.read_text()
    for number in range(count - 1 - len(others)):
        name = f"org-{number % 97}/model-{number}"
        folder = home / "models" / first.source / name
        folder.mkdir(parents=True)
        (folder / path.name).write_text(said.replace(first.name, name))


@contextmanager
def _serving(home: Path) -> Iterator[psutil.Process]:
    env = {**os.environ, "OSTLER_HOME": str(home), "OSTLER_DASHBOARD": "false"}
    ostler = str(Path(sys.executable).with_name("ostler"))
    process = subprocess.Popen(
        [ostler, "serve", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        process.stdout.readline()
        pid = json.loads((home / "run/serve.json").read_text())["pid"]
        yield psutil.Process(pid)
    finally:
        process.terminate()
        process.wait(30)


def _seconds(server: psutil.Process) -> float:
    every = [server, *server.children(recursive=True)]
    return sum(one.cpu_times().user + one.cpu_times().system for one in every)
