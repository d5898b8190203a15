"""From a request for a cold model to its first token, less the engine's own start; and many swaps.

One server, two tiny models. Cold: the model is not loaded and there is room. Swap: there is room
for one of them, so the other has to go first. `OSTLER_SWAPS=1000 python -m bench swap` for the
long run.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.kept import home
from bench.rows import Row, median

CHAT, EMBED = "ostler/tiny-llama-GGUF#q8_0", "ostler/tiny-embed-GGUF#f32"
AT_MOST = 0.020  # seconds
SWAPS = int(os.environ.get("OSTLER_SWAPS", "30"))
WISHES = "policy: {residency: 0}\n"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "stream": True},
    EMBED: {"input": "Hi"},
}


class Inn:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], host: str, port: int) -> None:
        self.process, self.host, self.port = process, host, port

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, float]:
        """Return status, body, and the seconds to the first byte of the body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        began = time.perf_counter()
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            first = answer.read(1)
            took = time.perf_counter() - began
            return answer.status, first + answer.read(), took
        finally:
            connection.close()

    def infer(self, model: str) -> tuple[bool, float]:
        """Ask a model; return whether it answered, and when the first token came."""
        path = "/v1/embeddings" if model == EMBED else "/v1/chat/completions"
        status, body, took = self.ask("POST", path, BODIES[model] | {"model": model})
        if status != 200:
            print(f"{model} answered {status}: {body[:500]!r}", file=sys.stderr)
        return status == 200, took

    def started(self, model: str) -> float:
        """Return the engine's own start: from its launch to its first answer."""
        found = json.loads(self.ask("GET", "/api/models")[1])
        return next(float(one["start_seconds"]) for one in found if one["id"] == model)

    def unload(self, model: str) -> None:
        """Stop a model and wait until it has gone."""
        self.ask("POST", f"/api/models/{model.replace('#', '%23')}/unload")
        while any(one["id"] == model for one in json.loads(self.ask("GET", "/api/models")[1])):
            time.sleep(0.01)

    def needs(self, model: str) -> int:
        path = f"/api/models/{model.replace('#', '%23')}/estimate"
        return int(json.loads(self.ask("GET", path)[1])["memory_bytes"])

    def holds(self) -> tuple[int, int, int]:
        """What could leak: processes, open files and bytes of the keeper and its gateway."""
        keeper = psutil.Process(self.process.pid)
        family = [keeper, *keeper.children(recursive=True)]
        ours = [one for one in family if "llamacpp" not in " ".join(one.cmdline())]
        files = sum(one.num_fds() for one in ours)
        return len(family), files, sum(one.memory_info().rss for one in ours)


@contextmanager
def serving() -> Iterator[Inn]:
    """A server in a home of its own, with an engine thread each."""
    with tempfile.TemporaryDirectory() as folder:
        home(Path(folder))
        Path(folder, "ostler.yaml").write_text(WISHES)
        env = {**os.environ, "OSTLER_HOME": folder, "OSTLER_THREADS": "1"}
        argv = [sys.executable, "-m", "ostler", "serve", "--port", "0", "--context", "512"]
        with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                address = process.stdout.readline().split()[-1].split("/")[2]
                host, _, port = address.rpartition(":")
                yield Inn(process, host, int(port))
            finally:
                process.terminate()
                process.wait(60)


def rows(rounds: int) -> list[Row]:
    """Measure cold requests, then swaps, then look for what was lost or leaked."""
    with serving() as inn:
        cold = [added(inn, EMBED) for _ in range(rounds + 1)][1:]
        room = max(inn.needs(CHAT), inn.needs(EMBED))
        inn.ask("PUT", "/api/pools/catchall", {"memory": room})
        inn.unload(EMBED)
        lost, swaps, before = swap(inn, max(SWAPS, rounds))
        after = inn.holds()
    return [
        seconds("cold request to first token, less the engine's start", cold, AT_MOST),
        seconds("the same where another model must go first", swaps),
        Row(f"requests lost in {len(swaps)} swaps", lost, "requests", target="0", ok=lost == 0),
        Row("processes more after them", after[0] - before[0], "", target="0",
            ok=after[0] <= before[0]),
        Row("open files more after them", after[1] - before[1], "", target="<= 4",
            ok=after[1] - before[1] <= 4),
        Row("memory more after them", round((after[2] - before[2]) / 2**20, 1), "MiB"),
    ]  # fmt: skip


def added(inn: Inn, model: str) -> float:
    """Seconds that a cold request takes over the engine's own start and a warm request."""
    inn.unload(model)
    answered, took = inn.infer(model)
    assert answered, "the cold request was not answered"
    warm = median([inn.infer(model)[1] for _ in range(5)])
    return took - inn.started(model) - warm


def swap(inn: Inn, count: int) -> tuple[int, list[float], tuple[int, int, int]]:
    """Ask two models in turn that do not fit together; also return what was held early on."""
    lost, found, before = 0, [], (0, 0, 0)
    for number in range(count):
        model = (CHAT, EMBED)[number % 2]
        answered, took = inn.infer(model)
        lost += not answered
        if answered:
            found.append(took - inn.started(model))
        if number == min(10, count // 2):
            before = inn.holds()
    return lost, found, before


def seconds(measure: str, samples: list[float], at_most: float | None = None) -> Row:
    """A row of a median time."""
    value = round(median(samples), 4)
    target = f"<= {at_most:g} s" if at_most else ""
    return Row(measure, value, "s", target=target, ok=value <= at_most if at_most else None)
