"""A Grafana dashboard over what Prometheus keeps of a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ostler.core.watching import PANELS, Panel

SOURCE = {"type": "prometheus", "uid": "${source}"}  # chosen on the dashboard
SCHEMA = 39  # Grafana 10 and later; newer ones read it and bring it up to date
WIDTH, HEIGHT, ACROSS = 12, 8, 24  # in Grafana's grid


def dashboard(panels: Sequence[Panel] = PANELS) -> str:
    """Return the dashboard as JSON, to be imported or provisioned."""
    value = {
        "title": "Ostler",
        "uid": "ostler",
        "tags": ["ostler", "llm"],
        "schemaVersion": SCHEMA,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "label": "Prometheus", "type": "datasource",
                 "query": "prometheus"},
            ]
        },
        "panels": [_panel(one, number) for number, one in enumerate(panels)],
    }  # fmt: skip
    return json.dumps(value, indent=1) + "\n"


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.why,
        "datasource": SOURCE,
        "gridPos": {
            "x": number * WIDTH % ACROSS, "y": number * WIDTH // ACROSS * HEIGHT,
            "w": WIDTH, "h": HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend,
             "datasource": SOURCE}
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip
