"""What is killed takes nothing with it that is not its own: the keeper, or a gateway worker."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import httpx2
import psutil
from tests.stories.conftest import CHAT, Shell, address_said, end

STREAM = {"model": CHAT, "prompt": "The", "stream": True, "ignore_eos": True}


def ask(address: str) -> httpx2.Response:
    body = {"model": CHAT, "prompt": "The", "max_tokens": 2}
    return httpx2.post(f"{address}/v1/completions", json=body, timeout=30)


def ended(pid: int) -> bool:
    """Whether it has gone; who took it in may not have buried it yet."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


class Stream:
    """A caller that reads a stream in a thread of its own."""

    def __init__(self, address: str, tokens: int) -> None:
        self.lines: list[str] = []
        self.broken: Exception | None = None
        self.flows = threading.Event()
        host, _, port = address.rpartition("/")[2].rpartition(":")
        self._connection = HTTPConnection(host, int(port), timeout=60)
        self._connection.connect()
        self.port = self._connection.sock.getsockname()[1]  # by which its worker is found
        self._body = json.dumps(STREAM | {"max_tokens": tokens})
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        try:
            kind = {"Content-Type": "application/json"}
            self._connection.request("POST", "/v1/completions", self._body, kind)
            answer = self._connection.getresponse()
            while line := answer.readline():
                self.lines.append(line.decode().rstrip())
                self.flows.set()
        except (HTTPException, OSError) as error:
            self.broken = error
        finally:
            self._connection.close()

    @property
    def is_whole(self) -> bool:
        return [line for line in self.lines if line][-1:] == ["data: [DONE]"]

    @property
    def tokens(self) -> int:
        found = [json.loads(line[6:]) for line in self.lines if line[6:7] == "{"]
        return sum(bool(one.get("choices")) for one in found)


def test_killing_the_keeper_under_load_loses_no_stream_and_the_next_goes_on(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    home = Path(shell.env["OSTLER_HOME"])
    words = ("serve", "--context", "2048", "--sequences", "4", "--port")
    first = shell.background(*words, "0")
    address = address_said(first)
    assert ask(address).status_code == 200
    engine = shell.ok("ps", "--json").json()["models"][0]["pid"]
    streams = [Stream(address, 1500) for _ in range(3)]
    assert all(one.flows.wait(20) for one in streams)
    assert not any(one.is_whole for one in streams), "they still flow"
    first.kill()
    first.wait()
    for pipe in (first.stdout, first.stderr):
        assert pipe
        pipe.close()
    second = shell.background(*words, address.rpartition(":")[2])
    try:
        assert address_said(second) == address
        up = time.monotonic()
        assert ask(address).status_code == 200
        assert time.monotonic() - up < 2.0, "new requests work at once"
        assert shell.ok("ps", "--json").json()["models"][0]["pid"] == engine, "it was taken over"
        for one in streams:
            one.thread.join(60)
            assert one.is_whole, one.broken
            assert one.tokens >= 1490
    finally:
        end(second)
        for one in streams:
            one.thread.join(10)
    assert ended(engine), "an orderly end leaves nothing"
    assert not list((home / "run" / "engines").iterdir())


def test_killing_a_gateway_worker_loses_its_own_requests_alone(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    server = shell.background(
        "serve", "--port", "0", "--context", "2048", "--sequences", "8", "--workers", "2"
    )
    try:
        address = address_said(server)
        assert ask(address).status_code == 200
        workers = [
            one
            for one in psutil.Process(server.pid).children()
            if "ostler.faces.gateway" in one.cmdline()
        ]
        assert len(workers) == 2
        streams: list[Stream] = []
        serving: list[int] = []
        while len(set(serving)) < 2:  # whichever worker is first takes a connection
            assert len(streams) < 8
            streams.append(Stream(address, 1500))
            assert streams[-1].flows.wait(20)
            serving.append(worker_of(streams[-1], [one.pid for one in workers]))
        victim = serving[-1]  # the last stream has the most before it; the first may be over
        psutil.Process(victim).kill()
        for number, one in enumerate(streams):
            one.thread.join(60)
            assert one.is_whole or serving[number] == victim, (number, one.broken)
        assert not streams[-1].is_whole
        engine = shell.ok("ps", "--json").json()["models"][0]
        assert engine["state"] == "ready", "the engine was not taken for dead"
        with ThreadPoolExecutor(4) as callers:
            again = list(callers.map(lambda _: ask(address).status_code, range(8)))
        assert again == [200] * 8
    finally:
        end(server)


def worker_of(stream: Stream, workers: list[int]) -> int:
    """Return the worker at the other end of a stream's connection."""
    for pid in workers:
        for one in psutil.Process(pid).net_connections("tcp"):
            if one.raddr and one.raddr.port == stream.port:
                return pid
    raise AssertionError("no worker holds the stream")
