"""How soon `ostler --help`, and `ostler ls` of four models, answer, against an empty Python."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import kept
from bench.rows import Row, alternate, ratio_row

AT_MOST = 8.0  # times an empty Python


def rows(rounds: int) -> list[Row]:
    """Alternate the empty interpreter with our two quickest commands."""
    ostler = str(Path(sys.executable).with_name("ostler"))
    with tempfile.TemporaryDirectory() as home:
        kept.home(Path(home))
        env = {**os.environ, "OSTLER_HOME": home}
        samples = alternate(
            {
                "python": timed([sys.executable, "-c", "pass"], env),
                "help": timed([ostler, "--help"], env),
                "ls": timed([ostler, "ls"], env),
            },
            rounds,
        )
    return [
        ratio_row(f"ostler {name}", samples[key], samples["python"], "s", AT_MOST)
        for name, key in (("--help", "help"), ("ls", "ls"))
    ]


def timed(argv: list[str], env: dict[str, str]) -> Callable[[], float]:
    """Return a function that runs the program once and gives its wall time in seconds."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run(
            argv, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return time.perf_counter() - began

    return once
