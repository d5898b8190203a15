"""What Ostler adds to an engine's start, against by hand; how long a stop takes after the drain.

By hand is a twenty-line program round the same engine, asked for its health every 2 ms and then
for one token. Ours is what `ostler run` and `ostler serve` do: read the model's facts, fit it,
choose the engine, launch it, wait for its health, check who answers, ask for one token.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.kept import SHIPPED, home
from bench.rows import Row, alternate, median
from ostler import settings, wiring
from ostler.core.naming import Named
from ostler.launchers.ports import free_port, port_range
from ostler.nouns import Workload
from ostler.store import Store
from ostler.verbs.hold import HOST, held
from ostler.verbs.prepare import Machine, prepare

MODEL = "ostler/tiny-llama-GGUF#q8_0"
WEIGHTS = SHIPPED / "tiny-llama-GGUF/tiny-llama-Q8_0.gguf"
CONTEXT = 2048
AT_MOST = 0.050  # seconds over starting it by hand
STOPPED_WITHIN = 1.0  # seconds, of an engine that answers nobody any more
POLL = 0.002  # seconds


def rows(rounds: int) -> list[Row]:
    """Alternate both ways of starting the same engine with the same model."""
    with tempfile.TemporaryDirectory() as folder:
        known = settings.load({}, home=folder)
        store, names = home(Path(folder))
        named = next(one for one in names if one.id == MODEL)
        machine = wiring.machine(known)
        stops: list[float] = []
        ours_way = by_ostler(known, named, store, machine, stops)
        samples = alternate({"hand": by_hand(known), "ostler": ours_way}, rounds)
    ours, theirs = median(samples["ostler"]), median(samples["hand"])
    added = median([a - b for a, b in zip(samples["ostler"], samples["hand"], strict=True)])
    return [
        Row(
            "start to first answer", round(ours, 4), "s", round(theirs, 4), round(ours / theirs, 2)
        ),
        Row(
            "added by Ostler, paired", round(added, 4), "s", target="<= 0.05 s", ok=added <= AT_MOST
        ),
        Row(
            "stop of a drained engine, the slowest",
            round(max(stops), 4),
            "s",
            target="<= 1 s",
            ok=max(stops) <= STOPPED_WITHIN,
        ),
    ]


def by_ostler(
    known: settings.Settings, named: Named, store: Store, machine: Machine, stops: list[float]
) -> Callable[[], float]:
    """Start it the way `ostler run` does, and stop it again, which is timed apart."""

    async def once() -> float:
        began = time.perf_counter()
        ready = prepare(named, store, machine, Workload(CONTEXT, threads=1))
        port = free_port(HOST, port_range(known.engine_ports))
        log = str(known.home / "engine.log")
        async with held(ready, wiring.launcher(), port, log):
            up = time.perf_counter()
        stops.append(time.perf_counter() - up)
        return up - began

    return lambda: asyncio.run(once())


def by_hand(known: settings.Settings) -> Callable[[], float]:
    """Start the twenty lines, poll their health, ask for one token, and stop them."""
    program = str(Path(__file__).with_name("by_hand.py"))

    def once() -> float:
        port = free_port(HOST, port_range(known.engine_ports))
        argv = [sys.executable, program, str(WEIGHTS), str(port), str(CONTEXT)]
        began = time.perf_counter()
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
            try:
                while not answers(port, "GET", "/health"):
                    time.sleep(POLL)
                body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
                if not answers(port, "POST", "/v1/chat/completions", body):
                    raise SystemExit("the engine that was started by hand gave no answer")
                return time.perf_counter() - began
            finally:
                process.kill()

    return once


def answers(port: int, method: str, path: str, body: object = None) -> bool:
    """Whether the request gets a 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, json.dumps(body) if body else None)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return False
    finally:
        connection.close()
    return answer.status == 200
