"""The hub against nginx, on the same files: one reader, eight at once, and many small ranges.

The readers are curl, writing to nowhere. OSTLER_BENCH_GIB sets the size of the files (1).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench import nginx_hub
from bench.nginx_hub import CACHE, REPO
from bench.rows import Row, alternate_costs, median

SHARDS = 4
READERS = 8
RANGES, RANGE = 500, 64 * 1024
AT_LEAST = 0.8  # of nginx's throughput; issue 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: bytes a second, and the server's CPU seconds for each GB."""

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of the files."""

    address: str
    processes: tuple[psutil.Process, ...]

    def cpu(self) -> float:
        times = [process.cpu_times() for process in self.processes]
        return sum(one.user + one.system for one in times)


def rows(rounds: int) -> list[Row]:
    """Alternate both servers for each kind of reading."""
    size = int(float(os.environ.get("OSTLER_BENCH_GIB", "1")) * 2**30)
    folder = CACHE / f"weights-{size}-{SHARDS}"
    hashes = nginx_hub.shards(folder, SHARDS, size // SHARDS)
    names = sorted(hashes)
    found: list[Row] = []
    with ostler(folder, names) as ours, nginx(folder, hashes) as theirs:
        kinds: dict[str, Callable[[Server], int]] = {
            "one reader": lambda server: curl(server, names[:1]),
            f"{READERS} readers at once": lambda server: curl(server, (names * 2)[:READERS]),
            f"ranges of {RANGE // 1024} KiB": lambda server: ranges(server, names[0]),
        }
        for kind, read in kinds.items():
            samples = alternate_costs(
                {"nginx": measured(theirs, read), "ostler": measured(ours, read)}, min(rounds, 9)
            )
            target = AT_LEAST if "reader" in kind else None
            found += _rows(kind, samples["ostler"], samples["nginx"], target)
        memory = sum(process.memory_full_info().pss for process in ours.processes) / 2**20
    return [*found, Row("memory of the hub afterwards", round(memory, 1), "MiB")]


def measured(server: Server, read: Callable[[Server], int]) -> Callable[[], Cost]:
    """Return one run: how fast it was, and what it cost the server."""

    def once() -> Cost:
        cpu, began = server.cpu(), time.perf_counter()
        count = read(server)
        took = time.perf_counter() - began
        return Cost(count / took, (server.cpu() - cpu) / (count / 1e9))

    return once


def curl(server: Server, names: list[str]) -> int:
    """Read files at once, whole; return the bytes that came."""
    words = ["curl", "-sSf", "-Z", "--parallel-max", str(len(names)), "-w", "%{size_download}\n"]
    for name in names:
        words += ["-o", "/dev/null", f"{server.address}/{REPO}/resolve/main/{name}"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return sum(int(line) for line in done.stdout.split())


def ranges(server: Server, name: str) -> int:
    """Ask for many small ranges on one connection; return the bytes that came."""
    line = http.client.HTTPConnection(urlsplit(server.address).netloc)
    count = 0
    try:
        for number in range(RANGES):
            at = number * RANGE
            asked = {"Range": f"bytes={at}-{at + RANGE - 1}"}
            line.request("GET", f"/{REPO}/resolve/main/{name}", headers=asked)
            count += len(line.getresponse().read())
    finally:
        line.close()
    return count


@contextlib.contextmanager
def nginx(folder: Path, hashes: dict[str, str]) -> Iterator[Server]:
    """Run nginx on the files."""
    with nginx_hub.running(folder, hashes) as hub:
        own = psutil.Process().children(recursive=True)
        yield Server(hub.address, tuple(one for one in own if one.name() == "nginx"))


@contextlib.contextmanager
def ostler(folder: Path, names: list[str]) -> Iterator[Server]:
    """Run `ostler hub serve` on the same files, by hard links."""
    with tempfile.TemporaryDirectory(dir=CACHE) as place:
        served = Path(place, "served", REPO)
        served.mkdir(parents=True)
        for name in names:
            os.link(folder / name, served / name)
        words = [sys.executable, "-m", "ostler", "--home", f"{place}/home"]
        words += ["hub", "serve", f"{place}/served", "--port", "0"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as hub:
            assert hub.stdout is not None
            try:
                address, own = hub.stdout.readline().split()[-1], psutil.Process(hub.pid)
                yield Server(address, (own, *own.children()))
            finally:
                hub.terminate()


def _rows(kind: str, ours: list[Cost], theirs: list[Cost], at_least: float | None) -> list[Row]:
    rate, against = (median([one.rate for one in side]) / 1e9 for side in (ours, theirs))
    cpu, their_cpu = (median([one.cpu for one in side]) for side in (ours, theirs))
    ratio = rate / against
    target = f"ratio >= {at_least:g}" if at_least else ""
    ok = ratio >= at_least if at_least else None
    return [
        Row(kind, round(rate, 3), "GB/s", round(against, 3), round(ratio, 2), target, ok),
        Row(
            f"{kind}: the server's CPU", round(cpu, 3), "s/GB", round(their_cpu, 3),
            round(cpu / their_cpu, 2) if their_cpu else None,
        ),
    ]  # fmt: skip
