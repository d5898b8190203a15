"""What Prometheus reads to watch a server: how to scrape it, and the alert rules."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ostler.core.watching import ALERTS, JOB, Alert

TOP = "# Written by `ostler export prometheus`.\n"


def scraping(address: str, key_file: str | None = None, ca_file: str | None = None) -> str:
    """Return a prometheus.yml for one server at `host:port`.

    The key, where one is needed, is read from a file; it is never in the text.
    """
    lines = [
        f"{TOP}rule_files: [ostler.rules.yml]",
        "scrape_configs:",
        f"  - job_name: {JOB}",
        "    scrape_interval: 15s",
    ]
    if ca_file:
        lines += ["    scheme: https", "    tls_config:", f"      ca_file: {json.dumps(ca_file)}"]
    if key_file:
        lines += [
            "    authorization:",
            f"      credentials_file: {json.dumps(key_file)}  # the key of an operator",
        ]
    lines += ["    static_configs:", f"      - targets: [{json.dumps(address)}]"]
    return "\n".join(lines) + "\n"


def rules(alerts: Sequence[Alert] = ALERTS) -> str:
    """Return the file of alert rules."""
    lines = [f"{TOP}groups:", "  - name: ostler", "    rules:"]
    for one in alerts:
        lines += [
            f"      - alert: {one.name}",
            f"        expr: {json.dumps(one.query)}",
            f"        for: {one.minutes}m",
            "        labels:",
            f"          severity: {one.severity}",
            "        annotations:",
            f"          summary: {json.dumps(one.summary)}",
            f"          next_step: {json.dumps(one.next_step)}",
        ]
    return "\n".join(lines) + "\n"
