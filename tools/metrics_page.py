"""The reference page of metrics, from what a server with one of everything gives to a scrape."""

from __future__ import annotations

import re

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from ostler.core.watching import ALERTS, PANELS
from ostler.faces.gateway.messages import Done
from ostler.faces.server.metrics import SECONDS, DeviceNow, Metrics, Now

HEAD = """# Metrics

`GET /metrics` gives these to Prometheus, with any key where the server has keys. `ostler export
prometheus` writes how to scrape it with the alerts named here, `ostler export grafana` the
dashboard: [how to watch a server](../howto/watch.md). Counters begin at 0 with each start of the
server, but for downloads, which are counted from the records. None names a prompt, an answer or a
key's text.

| metric | type | labels | what it is | used by |
|---|---|---|---|---|
"""
LABELS = {
    "model": "the model's id as `ostler ls` shows it",
    "key": "the name of the caller's key; empty where none is asked for",
    "status": "the HTTP status; 499 where the caller left before the answer was whole",
    "kind": "of tokens: `prompt`, `completion`; of memory: `room` that models may take, `held` by "
    "them, `used` by whomever",
    "state": "the model's state, as in `ostler ps`",
    "device": "the device, as `ostler hw` names it",
    "outcome": "how a download ended: `done`, `failed` or `stopped`",
    "le": "of a histogram: up to so many seconds, " + ", ".join(f"{one:g}" for one in SECONDS),
}


def page() -> str:
    """Return the page. Fails where a label has no meaning here, or one here is on no metric."""
    rows, seen = [], set()
    for family in families():
        labels = [*dict.fromkeys(name for one in family.samples for name in one.labels)]
        seen.update(labels)
        shown = ", ".join(f"`{one}`" for one in labels) or "none"
        name = f"`{family.name}_total`" if family.type == "counter" else f"`{family.name}`"
        rows.append(
            f"| {name} | {family.type} | {shown} | {family.documentation} | {users(family)} |"
        )
    assert seen == set(LABELS), seen ^ set(LABELS)
    meanings = [f"| `{name}` | {LABELS[name]} |" for name in LABELS]
    labels_head = "\n\n| label | what it says |\n|---|---|\n"
    return HEAD + "\n".join(rows) + labels_head + "\n".join(meanings) + "\n"


def families() -> list[Metric]:
    """Return every metric, of a server on which one of everything has happened."""
    device = DeviceNow(room=1, held=1, used=1)
    now = Now({"a": "ready"}, {"cpu": device}, 1, {"done": 1}, {"a": 1})
    metrics = Metrics(lambda: now)
    metrics.served(Done("a", "a", 200, 1.0, 0.5, 1, 1, 1, 1, "anna"))
    return list(text_string_to_metric_families(metrics.page()[0].decode()))


def users(family: Metric) -> str:
    """Return the alerts and panels that ask for it."""
    alerts = [f"alert `{one.name}`" for one in ALERTS if asks(one.query, family)]
    queries = {one.title: " ".join(query for query, _ in one.queries) for one in PANELS}
    panels = [f"panel {title}" for title, query in queries.items() if asks(query, family)]
    return ", ".join([*alerts, *panels]) or "you"


def asks(query: str, family: Metric) -> bool:
    """Say whether a query reads a metric."""
    return bool(re.search(rf"\b{family.name}(_total|_bucket|_sum|_count)?\b", query))
