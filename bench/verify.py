"""Read a kept model again and compare its hashes, warm and cold, against hashlib on every core.

hashlib hashes a buffer in memory on every core at once, in the same run. On a busy machine only the
rates for each CPU second are steady; a cold file cannot come faster than the disk gives it, so that
rate stands beside.
OSTLER_BENCH_GIB sets the size (4).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import nginx_hub
from bench.nginx_hub import CACHE, COMMIT, REPO
from bench.pull import Cost, timed
from bench.rows import Row, alternate_costs, median
from ostler.nouns import KeptFile, Manifest
from ostler.store import Store

AT_LEAST = 0.9  # of hashlib's own rate on every core; issue 3
SHARDS = 4
CORES = len(os.sched_getaffinity(0))
BUFFER = 64 * 2**20  # bytes; far beyond any cache of the processor


def rows(rounds: int) -> list[Row]:
    """Alternate ours, hashlib, the disk and sha256sum."""
    size = int(float(os.environ.get("OSTLER_BENCH_GIB", "4")) * 2**30)
    weights = CACHE / f"weights-{size}-{SHARDS}"
    hashes = nginx_hub.shards(weights, SHARDS, size // SHARDS)
    home = CACHE / "verify"
    shutil.rmtree(home, ignore_errors=True)
    files = _keep(Store(home), weights, hashes)
    total = sum(file.stat().st_size for file in files)
    samples = alternate_costs(
        {
            "hashlib": lambda: _hashing(total),
            "warm": lambda: _warm(files, home),
            "disk": lambda: _cold(files, lambda: timed(_reading(files), {})),
            "cold": lambda: _cold(files, lambda: _verify(home)),
            "sha256sum": lambda: timed([["sha256sum", *map(str, files)]], {}),
        },
        min(rounds, 5),
    )
    shutil.rmtree(home)
    return _rows(samples, total)


def _rows(samples: dict[str, list[Cost]], total: int) -> list[Row]:
    rate = {name: total / 10**9 / median([one.wall for one in costs])
            for name, costs in samples.items()}  # fmt: skip
    core = {name: total / 10**9 / median([one.cpu for one in costs])
            for name, costs in samples.items()}  # fmt: skip
    possible = min(rate["hashlib"], rate["disk"])
    return [
        _row("verify, warm, for each CPU second", core["warm"], core["hashlib"], AT_LEAST),
        _row("verify, cold, for each CPU second", core["cold"], core["hashlib"], None),
        _row("verify, warm, all cores", rate["warm"], rate["hashlib"], AT_LEAST),
        _row("verify, cold, all cores", rate["cold"], rate["hashlib"], None),
        _row("verify, cold, of what disk and hashlib allow", rate["cold"], possible, AT_LEAST),
        _row("verify, warm, against sha256sum", rate["warm"], rate["sha256sum"], None),
        Row("the disk alone, O_DIRECT", round(rate["disk"], 2), "GB/s"),
        Row("size", round(total / 2**30, 2), "GiB"),
        Row("load, 1 min", round(os.getloadavg()[0], 2), ""),
    ]


def _row(measure: str, ours: float, theirs: float, at_least: float | None) -> Row:
    ratio = ours / theirs
    return Row(
        measure, round(ours, 2), "GB/s", round(theirs, 2), round(ratio, 2),
        f"ratio >= {at_least:g}" if at_least else "", ratio >= at_least if at_least else None,
    )  # fmt: skip


def _keep(store: Store, weights: Path, hashes: dict[str, str]) -> list[Path]:
    """Make a store of links to the shards, so that nothing is copied."""
    kept = []
    for name, sha256 in hashes.items():
        blob = store.blob_path(sha256)
        blob.parent.mkdir(parents=True, exist_ok=True)
        os.link(weights / name, blob)
        kept.append(KeptFile(name, blob.stat().st_size, sha256))
    store.register(Manifest("hf", REPO, COMMIT, tuple(kept), ("main",)))
    return [store.blob_path(file.sha256) for file in kept]


def _hashing(size: int) -> Cost:
    """Hash `size` bytes in memory, every core its share."""

    def one() -> None:
        sha256, buffer = hashlib.sha256(), bytes(BUFFER)
        for _ in range(size // CORES // BUFFER):
            sha256.update(buffer)

    threads = [threading.Thread(target=one) for _ in range(CORES)]
    began, before = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Cost(time.perf_counter() - began, time.process_time() - before)


def _verify(home: Path) -> Cost:
    program = str(Path(sys.executable).with_name("ostler"))
    return timed([[program, "--home", str(home), "verify"]], {})


def _warm(files: list[Path], home: Path) -> Cost:
    for file in files:
        subprocess.run(["cat", str(file)], stdout=subprocess.DEVNULL, check=True)
    return _verify(home)


def _cold(files: list[Path], read: Callable[[], Cost]) -> Cost:
    """Drop the files from the page cache, which their owner may, and read them."""
    for file in files:
        fd = os.open(file, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    return read()


def _reading(files: list[Path]) -> list[list[str]]:
    how = ["of=/dev/null", "bs=4M", "iflag=direct", "status=none"]
    return [["dd", f"if={file}", *how] for file in files]
