"""A span for each ended request, sent by OpenTelemetry's own exporter (OTLP over HTTP).

Spans are made in the keeper from what gateway workers tell of ended requests anyway, so the request
path knows nothing of them. They name no prompt, no answer and no key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ostler.errors import UsageError
from ostler.faces.gateway.messages import Done
from ostler.version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

NANO = 10**9
WAIT_MS = 2000  # for a receiver, when the server ends


class Traces:
    """Tells a receiver of requests."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is an address such as http://127.0.0.1:4318. Raises UsageError."""
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(
                f"{endpoint!r} is no address of a receiver of traces.",
                hint="Write it like http://127.0.0.1:4318",
            )
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise UsageError(
                "Traces need the OpenTelemetry packages, which are not installed.",
                hint="pip install 'ostler[otel]'",
            ) from None
        whole = endpoint if parts.path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
        about = Resource.create({"service.name": "ostler", "service.version": __version__})
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=whole)))
        self._tracer: Tracer = self._provider.get_tracer("ostler.gateway", __version__)

    def served(self, done: Done) -> None:
        """Take a request that has ended."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        said: dict[str, str | int | float | None] = {
            "http.request.method": done.method,
            "url.path": done.path,
            "http.response.status_code": done.status,
            "http.request.body.size": done.bytes_in,
            "http.response.body.size": done.bytes_out,
            "gen_ai.request.model": done.model,
            "gen_ai.usage.input_tokens": done.prompt_tokens,
            "gen_ai.usage.output_tokens": done.completion_tokens,
            "ostler.first_byte_seconds": done.ttft,
            "ostler.backend": done.backend,
            "ostler.key": done.key or None,  # its name
            "ostler.request_id": done.request_id,
        }
        span = self._tracer.start_span(
            f"{done.path} {done.model}",
            kind=SpanKind.SERVER,
            attributes={name: value for name, value in said.items() if value is not None},
            start_time=int((done.at - done.seconds) * NANO),
        )
        if done.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(int(done.at * NANO))

    def close(self) -> None:
        """Send what is left, and end."""
        self._provider.force_flush(WAIT_MS)
        self._provider.shutdown()
