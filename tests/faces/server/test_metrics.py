"""Metrics are what Prometheus' own parser reads, and only grow."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ostler.faces.gateway.messages import Done
from ostler.faces.server.metrics import DeviceNow, Metrics, Now

NOW = Now(
    {"org/a": "ready", "org/b": "failed"},
    {"cpu": DeviceNow(100, 40)},
    1,
    {"failed": 2},
    {"org/b": 3},
    2,
)


def read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    page, kind = metrics.page()
    assert kind.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_requests_and_what_is_now() -> None:
    metrics = Metrics(lambda: NOW)
    metrics.served(Done("org/a", "org/a", 200, 0.2, 0.02, 1, 1, 5, 3, "anna"))
    metrics.served(Done("org/a", "org/a", 499, 9.0, None, 1, 1))
    first = read(metrics)
    of = (("key", "anna"), ("model", "org/a"))
    assert first["ostler_requests_total", (*of, ("status", "200"))] == 1
    assert first["ostler_tokens_total", (("key", "anna"), ("kind", "prompt"), of[1])] == 5
    assert first["ostler_request_seconds_count", (of[1],)] == 2
    assert first["ostler_first_byte_seconds_count", (of[1],)] == 1
    assert first["ostler_models_loaded", ()] == 1
    assert first["ostler_models_waiting", ()] == 1
    assert first["ostler_requests_parked", (("model", "org/b"),)] == 3
    assert first["ostler_requests_parked", (("model", "org/a"),)] == 0
    assert first["ostler_tunnels_open", ()] == 2
    assert first["ostler_model_state", (("model", "org/b"), ("state", "failed"))] == 1
    assert first["ostler_device_bytes", (("device", "cpu"), ("kind", "held"))] == 40
    assert first["ostler_downloads_total", (("outcome", "failed"),)] == 2
    metrics.served(Done("org/a", "org/a", 200, 0.2, 0.02, 1, 1, 5, 3, "anna"))
    second = read(metrics)
    counters = [which for which in first if which[0].endswith(("_total", "_count", "_bucket"))]
    assert counters
    assert all(second[which] >= first[which] for which in counters)


def test_promtool_finds_nothing_to_complain_of() -> None:
    """Prometheus' own judge; Debian's package `prometheus` brings it."""
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not promtool:
        pytest.skip("NO PROMTOOL: metrics were not held against it; apt install prometheus")
    metrics = Metrics(lambda: NOW)
    metrics.served(Done("org/a", "org/a", 200, 0.2, 0.02, 1, 1, 5, 3, 'a "key"\\n'))
    words = [promtool, "check", "metrics"]
    done = subprocess.run(words, input=metrics.page()[0], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
