"""The gateway on one core, against HAProxy and the routers people use, over an upstream in C.

Every side gets the same key check and routes by the body's `model`; ours counts, limits, reports
and logs as well. CPU per request is the scheduler's own count of the gateway's processes, so it
hardly depends on neighbours; requests a second and latencies do, and are compared within a round.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench import gateway_peers as peers
from bench.gateway_peers import KEY, MODEL, Absent, Target
from bench.native import AFTER, NEAR, compiled, load, upstream
from bench.rows import Row

Figures = dict[str, list[dict[str, float]]]
COMPARED: tuple[str, ...] = ("ostler", "haproxy")  # where HAProxy alone sets the target
SECONDS = 1.5  # of one sample
P99 = itemgetter("p99")
PACE, TOKENS = 20_000, 100  # microseconds between events (50 a second), events of a stream
IDLE, ACTIVE = 10_000, 1_000
MEGABYTE = 1e6


def rows(rounds: int) -> list[Row]:
    """Start every side once, then measure them in turn."""
    rounds = min(rounds, 5)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine, port = upstream()
        stack.callback(engine.wait)
        stack.callback(engine.kill)
        targets, absent = _targets(stack, port, folder)
        found = [*absent]
        found += _requests(targets, rounds)
        for name in targets.keys() - {*COMPARED}:
            targets.pop(name).end()  # what they do when idle, they do on the same core
        found += _latency(targets, rounds, port)
        found += _streams(targets, rounds)
        found += _many_streams(targets, rounds, port)
        found += _beside_a_busy_keeper(targets, rounds)
        found += _idle(targets["ostler"])
    return [*found, *_two_workers(rounds)]


def _targets(stack: ExitStack, port: int, root: Path) -> tuple[dict[str, Target], list[Row]]:
    makers = (peers.ours, peers.haproxy, peers.vllm_router, peers.sglang_router)
    wanted: list[Callable[[int, Path], Target]] = [*makers]
    if os.environ.get("BENCH_LITELLM") or peers.is_installed("litellm"):
        wanted.append(peers.litellm)
    targets, absent = {}, []
    for make in wanted:
        folder = root / make.__name__
        folder.mkdir()
        try:
            target = make(port, folder)
        except Absent as reason:
            absent.append(Row(f"{make.__name__}: absent ({reason})", 0, ""))
            continue
        stack.callback(target.end)
        targets[target.name] = target
    if "litellm" not in targets:
        absent.append(Row("litellm: absent (BENCH_LITELLM=1 installs it, 750 MB)", 0, ""))
    _wait_for_table(targets["ostler"])
    return targets, absent


def _wait_for_table(target: Target) -> None:
    with socket.create_connection(("127.0.0.1", target.port)) as one:
        one.sendall(b"GET /v1/none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        while one.recv(4096):
            pass


def _measured(target: Target, *words: object) -> dict[str, float]:
    before = target.cpu()
    figures: dict[str, Any] = load(words[0], target.port, *words[1:], MODEL, KEY)
    figures["cpu"] = target.cpu() - before
    return figures


def _in_turn(targets: dict[str, Target], rounds: int, *words: object) -> Figures:
    """Measure every side once a round; the first round warms up and is dropped."""
    found: Figures = {name: [] for name in targets}
    for number in range(rounds + 1):
        for name, target in targets.items():
            figures = _measured(target, *words)
            if number:
                found[name].append(figures)
    return found


def _middle(samples: list[dict[str, float]], what: Callable[[dict[str, float]], float]) -> float:
    return statistics.median(what(one) for one in samples)


def _against(
    measure: str, unit: str, found: Figures, what: Callable[[dict[str, float]], float],
    targets: dict[str, float], most: bool,
) -> Iterator[Row]:  # fmt: skip
    """A row for each peer: our median, theirs, the median of the rounds' ratios, the target."""
    ours = found["ostler"]
    for name, wanted in targets.items():
        if name not in found:
            continue
        theirs = found[name]
        ratio = statistics.median(
            what(a) / max(what(b), 1e-9) for a, b in zip(ours, theirs, strict=True)
        )
        sign, met = ("<=", ratio <= wanted) if most else (">=", ratio >= wanted)
        values = round(_middle(ours, what), 1), round(_middle(theirs, what), 1)
        yield Row(
            f"{measure}, against {name}", values[0], unit, values[1], round(ratio, 2),
            f"ratio {sign} {wanted:g}", met,
        )  # fmt: skip


def _requests(targets: dict[str, Target], rounds: int) -> Iterator[Row]:
    found = _in_turn(targets, rounds, "json", 64, SECONDS, 0)
    wanted = {"haproxy": 0.65, "vllm-router": 2.2, "sglang-router": 3.0, "litellm": 200.0}
    yield from _against("requests a second at 64", "1/s", found, _rate, wanted, most=False)
    wanted = {name: 1 / ratio for name, ratio in wanted.items()}
    yield from _against(
        "CPU per request at 64",
        "us",
        found,
        lambda f: f["cpu"] / f["done"] * 1e6,
        wanted,
        most=True,
    )
    failed = sum(one["failed"] for one in found["ostler"])
    yield Row("failed requests at 64", failed, "", target="= 0", ok=failed == 0)


def _rate(figures: dict[str, float]) -> float:
    return figures["done"] / figures["seconds"]


def _latency(targets: dict[str, Target], rounds: int, port: int) -> Iterator[Row]:
    sides = _sides(targets, direct=Target("direct", port, []))
    found = _in_turn(sides, rounds, "json", 1, SECONDS, 200)
    for part in ("p50", "p99"):
        direct = _middle(found["direct"], itemgetter(part))
        added = partial(_over, part, direct)
        name = f"added latency at 1 connection, {part}"
        yield from _against(name, "us", found, added, {"haproxy": 1.3}, most=True)


def _over(part: str, direct: float, figures: dict[str, float]) -> float:
    return figures[part] - direct


def _streams(targets: dict[str, Target], rounds: int) -> Iterator[Row]:
    sides = _sides(targets)
    for streams in (64, 256):
        found = _in_turn(sides, rounds, "sse", streams, TOKENS, PACE)
        yield from _against(
            f"CPU per relayed event, {streams} streams", "us", found,
            lambda f: f["cpu"] / max(f["tokens"], 1) * 1e6, {"haproxy": 1.15}, most=True,
        )  # fmt: skip


def _sides(targets: dict[str, Target], **more: Target) -> dict[str, Target]:
    return {name: targets[name] for name in COMPARED if name in targets} | more


def _many_streams(targets: dict[str, Target], rounds: int, port: int) -> Iterator[Row]:
    sides = _sides(targets, direct=Target("direct", port, []))
    found = _in_turn(sides, min(rounds, 3), "sse", 1024, 3 * TOKENS, PACE)
    direct = _middle(found["direct"], _tokens)
    for name in sides:
        share = _middle(found[name], _tokens) / direct
        added = (_middle(found[name], P99) - _middle(found["direct"], P99)) / 1000
        if name == "direct":
            continue
        judged = name == "ostler"
        yield Row(
            f"1,024 streams, {name}: events a second over direct's", round(share, 3), "",
            target=">= 0.97" if judged else "", ok=share >= 0.97 if judged else None,
        )  # fmt: skip
        yield Row(
            f"1,024 streams, {name}: event p99 over direct's", round(added, 2), "ms",
            target="<= 1" if judged else "", ok=added <= 1 if judged else None,
        )  # fmt: skip


def _tokens(figures: dict[str, float]) -> float:
    return figures["tokens"] / figures["seconds"]


BURN = """
import time
while True:
    end = time.perf_counter() + 0.05
    while time.perf_counter() < end:
        pass
    time.sleep(0.15)
"""


def _beside_a_busy_keeper(targets: dict[str, Target], rounds: int) -> Iterator[Row]:
    """The control API is another process: here one that burns as much, on the load's core.

    The load goes before it: how late the load itself comes to read is nothing of the gateway's.
    """
    burner = subprocess.Popen([*AFTER, sys.executable, "-c", BURN])
    try:
        found = _in_turn(_sides(targets), min(rounds, 3), "sse", 64, TOKENS, PACE)
    finally:
        burner.kill()
        burner.wait()
    for name, samples in found.items():
        p99, judged = _middle(samples, P99) / 1000, name == "ostler"
        yield Row(
            f"control API busy a quarter of the time, {name}: event p99", round(p99, 2), "ms",
            target="<= 1.5" if judged else "", ok=p99 <= 1.5 if judged else None,
        )  # fmt: skip


@contextmanager
def _holding(target: Target, count: int) -> Iterator[None]:
    argv = [*NEAR, str(compiled("load")), "idle", str(target.port), str(count), "60"]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        yield
    finally:
        holder.kill()
        holder.communicate()


def _idle(target: Target) -> Iterator[Row]:
    with _holding(target, IDLE):
        found = _measured(target, "sse", ACTIVE, TOKENS, PACE * 2)
        memory = target.memory() / MEGABYTE
    yield Row(
        f"{IDLE:,} idle and {ACTIVE:,} active streams: failed", found["failed"], "", target="= 0",
        ok=found["failed"] == 0,
    )  # fmt: skip
    yield Row(
        "the same: memory of the worker", round(memory, 1), "MB", target="< 60", ok=memory < 60
    )


def _two_workers(rounds: int) -> list[Row]:
    """Both workers on the one core, so that only what sharing costs is seen."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine, port = upstream()
        stack.callback(engine.wait)
        stack.callback(engine.kill)
        sides = {}
        for name, workers in (("ostler", 2), ("one worker", 1)):
            target = peers.ours(port, folder, workers)
            stack.callback(target.end)
            _wait_for_table(target)
            sides[name] = target
        time.sleep(0.5)
        found = _in_turn(sides, rounds, "json", 64, SECONDS, 0)
    return list(
        _against(
            "CPU per request with two workers", "us", found,
            lambda f: f["cpu"] / f["done"] * 1e6, {"one worker": 1.1}, most=True,
        )
    )  # fmt: skip
