"""Fetch a model from nginx on loopback: Ostler, which verifies, against who else there is.

OSTLER_BENCH_GIB sets the size (4; 1 to 16). Each side's time ends when its bytes are on the disk.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import nginx_hub
from bench.nginx_hub import CACHE, REPO, Hub
from bench.rows import Row, alternate_costs, median

MODELSCOPE = "modelscope==1.40.2"
SHARDS = 4
WORK = CACHE / "pull"
ALONE = "ostler, one file"
# measure -> (verified by the other side, CPU ratio at most, wall ratio at most); issue 3
TARGETS: dict[str, tuple[float | None, float | None]] = {
    "hf download + hf cache verify": (0.27, 0.25),
    "hf download": (0.32, 0.30),
    "ms-hub download": (0.70, 0.65),
    "curl -Z": (0.85, 0.60),
    "dd oflag=direct": (None, 1.7),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took of its own processes, in seconds."""

    wall: float
    cpu: float


def rows(rounds: int) -> list[Row]:
    """Alternate all sides; report CPU and wall ratios, and one large file against four."""
    size = int(float(os.environ.get("OSTLER_BENCH_GIB", "4")) * 2**30)
    four, one = CACHE / f"weights-{size}-4", CACHE / f"weights-{size}-1"
    hashes = nginx_hub.shards(four, SHARDS, size // SHARDS)
    single = nginx_hub.shards(one, 1, size)
    with nginx_hub.running(four, hashes) as hub, nginx_hub.running(one, single) as other:
        every = sides(hub, other)
        samples = alternate_costs(
            {name: _from_memory(side, one if side is every[ALONE] else four)
             for name, side in every.items()}, min(rounds, 5),
        )  # fmt: skip
    shutil.rmtree(WORK, ignore_errors=True)
    return [*_against(samples), *_shapes(samples, size)]


def sides(hub: Hub, other: Hub) -> dict[str, Callable[[], Cost]]:
    """Return every contender; `other` has as many bytes in one file."""
    return {
        "ostler": lambda: ostler(hub),
        ALONE: lambda: ostler(other),
        "hf download": lambda: hf(hub, verify=False),
        "hf download + hf cache verify": lambda: hf(hub, verify=True),
        "ms-hub download": lambda: ms_hub(hub),
        "curl -Z": lambda: curl(hub),
        "dd oflag=direct": lambda: dd(hub),
        "ostler over TLS": lambda: ostler(hub, secure=True),
    }


def _from_memory(side: Callable[[], Cost], weights: Path) -> Callable[[], Cost]:
    """Have all that nginx is to give in memory first: what others wrote may have pushed it out."""

    def run() -> Cost:
        for shard in weights.glob("*.safetensors"):
            subprocess.run(["cat", shard], stdout=subprocess.DEVNULL, check=True)
        return side()

    return run


def ostler(hub: Hub, secure: bool = False) -> Cost:
    home = _fresh("ostler")
    env = {"OSTLER_HOME": str(home), "SSL_CERT_FILE": str(hub.certificate)}
    env |= {"HF_ENDPOINT": hub.secure if secure else hub.address}
    return timed([[str(Path(sys.executable).with_name("ostler")), "pull", REPO, "--quiet"]], env)


def hf(hub: Hub, verify: bool) -> Cost:
    home = _fresh("hf")
    program = str(Path(sys.executable).with_name("hf"))
    env = {"HF_HOME": str(home), "HF_ENDPOINT": hub.address, "HF_HUB_DISABLE_UPDATE_CHECK": "1",
           "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
    steps = [[program, "download", REPO], ["sync", "-f", str(home)]]
    return timed([*steps, *([[program, "cache", "verify", REPO]] if verify else [])], env)


def ms_hub(hub: Hub) -> Cost:
    home = _fresh("modelscope")
    program = CACHE / "modelscope/bin/ms-hub"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "modelscope")], check=True)
        pip = str(CACHE / "modelscope/bin/pip")
        subprocess.run([pip, "install", "-q", MODELSCOPE], check=True)
    env = {"MODELSCOPE_ENDPOINT": hub.address, "MODELSCOPE_DOMAIN": hub.address,
           "MODELSCOPE_CACHE": str(home), "HOME": str(home)}  # fmt: skip
    words = [str(program), "download", REPO, "--local-dir", str(home / "files")]
    return timed([words, ["sync", "-f", str(home)]], env)


def curl(hub: Hub) -> Cost:
    home = _fresh("curl")
    urls = [word for name in hub.files for word in ("-O", f"{hub.address}/files/{name}")]
    return timed([["curl", "-sSf", "-Z", *urls], ["sync", "-f", str(home)]], {}, cwd=home)


def dd(hub: Hub) -> Cost:
    home = _fresh("dd")
    count = sum(hub.files.values()) // 2**22
    words = ["dd", "if=/dev/zero", f"of={home}/zeros", "bs=4M", f"count={count}",
             "oflag=direct", "conv=fsync", "status=none"]  # fmt: skip
    return timed([words], {})


def timed(steps: list[list[str]], env: dict[str, str], cwd: Path | None = None) -> Cost:
    """Run the programs one after the other; their wall time and CPU time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for step in steps:
        done = subprocess.run(
            step, env={**os.environ, **env}, cwd=cwd, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{step}: {done.stdout[-500:]} {done.stderr[-1000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu)


def _fresh(name: str) -> Path:
    """Return an empty folder; what the side before left is gone from the disk, too."""
    shutil.rmtree(WORK, ignore_errors=True)
    home = WORK / name
    home.mkdir(parents=True)
    subprocess.run(["sync", "-f", str(CACHE)], check=True)
    return home


def _against(samples: dict[str, list[Cost]]) -> list[Row]:
    found = []
    ours = samples["ostler"]
    for name, (cpu, wall) in TARGETS.items():
        theirs = samples[name]
        if cpu is not None:
            found.append(_row(f"CPU against {name}", _cpu(ours), _cpu(theirs), cpu))
        if wall is not None:
            found.append(_row(f"wall against {name}", _wall(ours), _wall(theirs), wall))
    return found


def _shapes(samples: dict[str, list[Cost]], size: int) -> list[Row]:
    ours, alone, secure = (samples[name] for name in ("ostler", ALONE,
                                                      "ostler over TLS"))  # fmt: skip
    return [
        _row("wall, one file against four", _wall(alone), _wall(ours), 1.2),
        _row("wall over TLS", _wall(secure), _wall(ours), None),
        _row("CPU over TLS", _cpu(secure), _cpu(ours), None),
        Row("size", round(size / 2**30, 2), "GiB"),
        Row("load, 1 min", round(os.getloadavg()[0], 2), ""),
    ]


def _cpu(costs: list[Cost]) -> float:
    return median([cost.cpu for cost in costs])


def _wall(costs: list[Cost]) -> float:
    return median([cost.wall for cost in costs])


def _row(measure: str, ours: float, theirs: float, at_most: float | None) -> Row:
    ratio = ours / theirs
    return Row(
        measure, round(ours, 2), "s", round(theirs, 2), round(ratio, 2),
        f"ratio <= {at_most:g}" if at_most else "", ratio <= at_most if at_most else None,
    )  # fmt: skip
