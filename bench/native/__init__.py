"""The upstream and the load generator in C, compiled when a benchmark needs them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent
# BENCH_FIRST=1 measures ahead of all else on the machine (round-robin real time, needs root):
# the only way to figures on a machine that others use. It holds them up for as long as it runs.
FIRST = ("chrt", "-r", "5") if os.environ.get("BENCH_FIRST") else ()
NEAR = (*FIRST, "taskset", "-c", "0")  # beside the load; what is measured has the other core alone
AFTER = ("nice", "-n", "19", "taskset", "-c", "0")  # there too, but never before the load


def compiled(name: str) -> Path:
    """Compile one of the programs, unless it is newer than its source."""
    cache = SOURCES.parents[1] / ".bench/native"
    cache.mkdir(parents=True, exist_ok=True)
    source, program = SOURCES / f"{name}.c", cache / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        draft = Path(tempfile.mkdtemp(dir=cache)) / name
        subprocess.run(["gcc", "-O2", "-o", str(draft), str(source)], check=True)
        draft.replace(program)
        draft.parent.rmdir()
    return program


def upstream() -> tuple[subprocess.Popen[str], int]:
    """Start an upstream; return it and its port."""
    program = subprocess.Popen(
        [*NEAR, str(compiled("upstream")), "0"], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    return program, int(program.stdout.readline())


def load(*words: object) -> dict[str, Any]:
    """Run the load generator; return what it measured, latencies in microseconds."""
    words = (*NEAR, compiled("load"), *words)
    done = subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured
