"""`ostler bench`, against real engines, our own server, and servers that stall or refuse."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.stories.conftest import CHAT, EMBED, RERANK, Inn

from ostler.errors import RequestFailed, UsageError

FEW = ("--requests", "6", "--output-tokens", "8", "--prompt-tokens", "60")


@pytest.mark.parametrize("model", [CHAT, EMBED, RERANK])
def test_a_model_is_measured_through_the_server(inn: Inn, model: str) -> None:
    said = inn.shell.ok("bench", model, *FEW, "--concurrency", "2", "--json").json()
    found = said["result"]
    assert (found["requests"], found["failed"]) == (6, 0)
    assert said["url"].startswith(inn.address)
    latency = found["latency"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["most"] < 60
    assert found["requests_per_second"] > 0
    if model == CHAT:
        assert found["output_tokens"] == 6 * 8
        assert 6 * 45 < found["prompt_tokens"] < 6 * 75
        assert found["between_tokens"]["count"] == 6 * 7
        assert found["first_token"]["p50"] <= latency["p50"]


def test_what_is_shown_and_kept(inn: Inn) -> None:
    done = inn.shell.ok("bench", CHAT, *FEW, "--rate", "20", "--poisson")
    for words in ("6 of 6 answered", "first token", "P95", "sent late", "tokens a second"):
        assert words in done.out
    kept = inn.shell.ok("bench", "--saved", "--json").json()[-1]
    assert kept["load"]["rate"] == 20
    assert kept["result"]["requests"] == 6
    assert CHAT in inn.shell.ok("bench", "--saved").out


def test_a_url_is_measured_with_the_model_it_lists(inn: Inn) -> None:
    said = inn.shell.ok("bench", "--url", f"{inn.address}/v1", CHAT, *FEW, "--json").json()
    assert said["result"]["failed"] == 0
    refused = inn.shell.run("bench", "--url", f"{inn.address}/v1", "nobody/nothing", *FEW)
    assert refused.code == RequestFailed.exit_code
    assert "HTTP 404" in refused.err


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://me:secret@host/v1", "//x:99999"])
def test_what_is_no_address_is_refused(inn: Inn, url: str) -> None:
    refused = inn.shell.run("bench", "--url", url)
    assert refused.code == UsageError.exit_code
    assert len(refused.err.strip().splitlines()) >= 1


def test_nobody_there(inn: Inn) -> None:
    refused = inn.shell.run("bench", "--url", "http://127.0.0.1:9/v1")
    assert refused.code == RequestFailed.exit_code
    assert "does not answer" in refused.err


class Moody(BaseHTTPRequestHandler):
    """An OpenAI server of another make: it knows no extras, stalls once, refuses every fourth."""

    protocol_version = "HTTP/1.0"
    stalled = threading.Event()
    count = 0
    lock = threading.Lock()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(200, {"data": [{"id": "moody"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if {"ignore_eos", "stream_options"} & body.keys():
            self.answer(422, {"error": {"message": "unknown field"}})
            return
        cls = type(self)
        with cls.lock:  # one at a time, as a server that stalls does
            measured = body["max_tokens"] > 1
            cls.count += measured
            if measured and cls.count == 4:
                time.sleep(1.0)
            refuses = measured and cls.count % 4 == 3
        if refuses:
            self.answer(503, {"error": {"message": "busy"}})
            return
        self.send_response(200)
        self.end_headers()
        for word in ("one", "two", "three"):
            piece = json.dumps({"choices": [{"delta": {"content": word}}]})
            self.wfile.write(f"data: {piece}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Sociable(Moody):
    """It answers the measured requests only once three of them are on their way together."""

    together = threading.Barrier(3, timeout=20)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["max_tokens"] > 2:
            self.together.wait()
        self.send_response(200)
        self.end_headers()
        piece = json.dumps({"choices": [{"delta": {"content": "word"}}]})
        self.wfile.write(f"data: {piece}\n\n".encode())


@pytest.mark.parametrize("words", [("--concurrency", "3"), ("--rate", "50")])
def test_requests_are_on_their_way_together(inn: Inn, words: tuple[str, ...]) -> None:
    with serving(Sociable) as url:
        done = inn.shell.ok("bench", "--url", url, "--requests", "6", "--warmup", "0", *words)
    assert "6 of 6 answered" in done.out


@pytest.fixture
def moody() -> Iterator[str]:
    Moody.count = 0
    with serving(Moody) as url:
        yield url


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_of_another_make_that_stalls_and_refuses(inn: Inn, moody: str) -> None:
    """Extras are left out, tokens counted by pieces; a stall is seen in all it made late."""
    words = ("--requests", "21", "--rate", "20", "--warmup", "1", "--json")
    done = inn.shell.run("bench", "--url", moody, *words)
    assert done.code == RequestFailed.exit_code, "some failed"
    said = done.json()
    assert said["model"] == "moody"
    assert any("ignore_eos" in note for note in said["notes"])
    assert any("pieces" in note for note in said["notes"])
    found = said["result"]
    assert found["failed"] == 5
    assert found["errors"] == [["HTTP 503: busy", 5]]
    assert found["output_tokens"] == 3 * 16
    assert found["latency"]["p50"] > 0.1, "half of them were due while it stood still"
    assert found["latency"]["most"] > 0.9
