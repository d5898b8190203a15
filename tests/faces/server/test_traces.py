"""Traces, as a receiver of OTLP gets them."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ostler.errors import UsageError
from ostler.faces.gateway.messages import Done
from ostler.faces.server.traces import Traces

DONE = Done(
    "org/a", "org/a@7", 200, 2.5, 0.25, 10, 20, 5, 3, "anna", "req-1",
    1_800_000_000.0, "POST", "/v1/chat/completions",
)  # fmt: skip


class Receiver(BaseHTTPRequestHandler):
    """Takes spans over HTTP and keeps them."""

    spans: list[Any] = []  # noqa: RUF012 - one list for the one server
    paths: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.spans.clear()
    Receiver.paths.clear()
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def said(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_each_request_is_a_span(receiver: str) -> None:
    traces = Traces(receiver)
    traces.served(DONE)
    traces.served(Done("org/a", "org/a@7", 502, 0.1, None, 1, 0, at=1_800_000_001.0))
    traces.close()
    assert set(Receiver.paths) == {"/v1/traces"}
    good, bad = Receiver.spans
    assert good.name == "/v1/chat/completions org/a"
    assert good.end_time_unix_nano == 1_800_000_000 * 10**9
    assert good.end_time_unix_nano - good.start_time_unix_nano == 2_500_000_000
    told = said(good)
    assert told["gen_ai.request.model"] == "org/a"
    assert told["http.response.status_code"] == 200
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (5, 3)
    assert (told["ostler.key"], told["ostler.first_byte_seconds"]) == ("anna", 0.25)
    assert (good.status.code, bad.status.code) == (0, 2)
    assert "ostler.key" not in said(bad)


def test_a_receiver_that_is_not_there_harms_nothing() -> None:
    traces = Traces("http://127.0.0.1:9/v1/traces")
    traces.served(DONE)
    traces.close()


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://x:1", "http://", "x"])
def test_what_is_no_address(endpoint: str) -> None:
    with pytest.raises(UsageError):
        Traces(endpoint)


def test_nothing_of_it_is_loaded_where_it_is_off() -> None:
    code = "import sys, ostler.faces.server.server, ostler.faces.gateway.__main__; " + (
        "print([n for n in sys.modules if n.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
