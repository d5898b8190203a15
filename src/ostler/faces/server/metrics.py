"""What Prometheus reads of the server: requests, times, tokens, models, memory, downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from ostler.faces.gateway.messages import Done

# Seconds: from an embedding's few milliseconds to a long answer's minutes.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


# A second series for each, which no one reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


class DeviceNow(NamedTuple):
    """A device's memory, in bytes."""

    room: int
    held: int
    used: int | None = None  # by whomever, at the last look; None: nobody has looked yet


class Now(NamedTuple):
    """The server at the moment of a scrape."""

    models: Mapping[str, str]  # model -> its state
    devices: Mapping[str, DeviceNow]
    waiting: int  # models that are asked for and not ready yet
    downloads: Mapping[str, int]  # outcome -> how many, ever
    parked: Mapping[str, int] = MappingProxyType(
        {}
    )  # model -> requests that wait until it is ready
    tunnels: int = 0  # WebSockets that are open


class Metrics:
    """Counts as requests end, and the rest when it is read."""

    def __init__(self, look: Callable[[], Now]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ostler_requests",
            "Requests that ended.",
            ("model", "key", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "ostler_request_seconds",
            "From a request's arrival to its end.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._first = Histogram(
            "ostler_first_byte_seconds",
            "From a request's arrival to its answer's first byte.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._tokens = Counter(
            "ostler_tokens",
            "Tokens, as engines state them.",
            ("model", "key", "kind"),
            registry=self._registry,
        )
        self._registry.register(_Looking(look))

    def served(self, done: Done) -> None:
        """Count a request that has ended."""
        self._requests.labels(done.model, done.key, str(done.status)).inc()
        self._seconds.labels(done.model).observe(done.seconds)
        if done.ttft is not None:
            self._first.labels(done.model).observe(done.ttft)
        for kind, count in (("prompt", done.prompt_tokens), ("completion", done.completion_tokens)):
            if count:
                self._tokens.labels(done.model, done.key, kind).inc(count)

    def page(self) -> tuple[bytes, str]:
        """Return all metrics as text, and the text's media type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


class _Looking(Collector):
    """Gauges that are read when they are asked for."""

    def __init__(self, look: Callable[[], Now]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Name nothing before the first scrape: there is nothing to look at yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        now = self._look()
        loaded = GaugeMetricFamily("ostler_models_loaded", "Models that are ready.")
        loaded.add_metric((), sum(state == "ready" for state in now.models.values()))
        waiting = GaugeMetricFamily("ostler_models_waiting", "Models asked for and not ready yet.")
        waiting.add_metric((), now.waiting)
        parked = GaugeMetricFamily(
            "ostler_requests_parked",
            "Requests that wait until their model is ready.",
            labels=("model",),
        )
        for model in {**dict.fromkeys(now.models, 0), **now.parked}:
            parked.add_metric((model,), now.parked.get(model, 0))
        state = GaugeMetricFamily(
            "ostler_model_state", "1 for its state.", labels=("model", "state")
        )
        for model, word in now.models.items():
            state.add_metric((model, word), 1)
        memory = GaugeMetricFamily(
            "ostler_device_bytes",
            "Memory that models may take, and hold, and what is used by whomever.",
            labels=("device", "kind"),
        )
        for device, sizes in now.devices.items():
            memory.add_metric((device, "room"), sizes.room)
            memory.add_metric((device, "held"), sizes.held)
            if sizes.used is not None:
                memory.add_metric((device, "used"), sizes.used)
        downloads = CounterMetricFamily(
            "ostler_downloads", "Tries to download a model.", labels=("outcome",)
        )
        for outcome, count in now.downloads.items():
            downloads.add_metric((outcome,), count)
        tunnels = GaugeMetricFamily("ostler_tunnels_open", "WebSockets to the dashboard, open now.")
        tunnels.add_metric((), now.tunnels)
        yield from (loaded, waiting, parked, state, memory, downloads, tunnels)
