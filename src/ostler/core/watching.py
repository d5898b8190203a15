"""What is worth watching of a server: the panels of a dashboard, and what to wake somebody for.

Queries are PromQL over what `/metrics` gives. Every bound has its reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JOB = "ostler"
Unit = Literal["short", "reqps", "s", "bytes", "percentunit"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its queries with their legends, and the unit of its axis."""

    title: str
    unit: Unit
    queries: tuple[tuple[str, str], ...]  # (PromQL, legend)
    why: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: it fires when its query has held for so long."""

    name: str
    query: str
    minutes: int
    severity: Literal["warning", "critical"]
    summary: str
    next_step: str


def quantile(q: float, metric: str) -> str:
    """Return the query for a quantile of a histogram, by model, over five minutes."""
    rates = f"sum by (le, model) (rate({metric}_bucket[5m]))"
    return f"histogram_quantile({q:g}, {rates})"


FAILED = 'sum(rate(ostler_requests_total{status=~"5.."}[5m]))'
ALL = "sum(rate(ostler_requests_total[5m]))"

PANELS = (
    Panel("Requests", "reqps", (("sum by (model) (rate(ostler_requests_total[5m]))", "{{model}}"),),
          "Which models are asked, and how often."),
    Panel("Share that failed", "percentunit", ((f"{FAILED} / {ALL}", "5xx of all"),),
          "Answers of 500 and more, of all answers."),
    Panel("Time to first byte", "s",
          ((quantile(0.5, "ostler_first_byte_seconds"), "p50 {{model}}"),
           (quantile(0.95, "ostler_first_byte_seconds"), "p95 {{model}}")),
          "What a caller waits before anything comes; a load is part of it."),
    Panel("Time to the end", "s",
          ((quantile(0.5, "ostler_request_seconds"), "p50 {{model}}"),
           (quantile(0.95, "ostler_request_seconds"), "p95 {{model}}")),
          "The whole answer, streams too."),
    Panel("Tokens", "short", (("sum by (model, kind) (rate(ostler_tokens_total[5m]))",
          "{{kind}} {{model}}"),), "Tokens a second, as engines state them."),
    Panel("Memory of each device", "bytes",
          (('ostler_device_bytes{kind="held"}', "held {{device}}"),
           ('ostler_device_bytes{kind="room"}', "room {{device}}")),
          "What loaded models are counted with, and what they may take."),
    Panel("Models", "short",
          (("ostler_models_loaded", "ready"), ("ostler_models_waiting", "waited for")),
          "Ready ones, and those that somebody waits for."),
    Panel("Requests that wait for a load", "short",
          (("sum by (model) (ostler_requests_parked)", "{{model}}"),),
          "Callers who wait until their model is ready."),
    Panel("Downloads", "short",
          (("sum by (outcome) (increase(ostler_downloads_total[1h]))", "{{outcome}}"),),
          "Tries in the last hour, by how they ended."),
)  # fmt: skip

ALERTS = (
    Alert("OstlerDown", f'up{{job="{JOB}"}} == 0', 2, "critical",
          "Ostler does not answer", "systemctl status ostler; ostler doctor"),
    # One in twenty: below that, single engines that restart would wake people.
    Alert("OstlerErrors", f"{FAILED} / {ALL} > 0.05", 5, "critical",
          "More than 5 % of requests fail", "ostler ps; ostler history --act fail"),
    Alert("OstlerModelFailed", 'ostler_model_state{state="failed"} == 1', 5, "warning",
          "The model {{ $labels.model }} failed and was given up",
          "ostler why {{ $labels.model }}; ostler logs {{ $labels.model }}"),
    # A minute: longer than a load of 10 GB from a disk of 0.5 GB/s with an engine's own start.
    Alert("OstlerSlowStart", f"{quantile(0.95, 'ostler_first_byte_seconds')} > 60", 10, "warning",
          "One in twenty callers of {{ $labels.model }} waits over a minute for a first byte",
          "ostler ps; preload it, or give its pool more room: ostler preload, ostler pool"),
    Alert("OstlerNoRoom", "ostler_models_waiting > 0", 15, "warning",
          "A model has been waited for over 15 minutes", "ostler ps; ostler why MODEL"),
    Alert("OstlerDownloadsFail", 'increase(ostler_downloads_total{outcome="failed"}[1h]) > 2', 0,
          "warning", "More than two downloads failed within an hour",
          "ostler downloads; ostler doctor"),
)  # fmt: skip
