"""`ostler logs --known`: what a log holds that is known to mean something."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ostler import wiring
from ostler.core.diagnosis import named
from ostler.core.logscan import Finding
from ostler.core.sizes import file_size
from ostler.faces.cli import show
from ostler.nouns import Diagnosis
from ostler.settings import Settings
from ostler.verbs.scanning import scanned


def show_known(
    settings: Settings, model: str, path: Path, since: float | None, as_json: bool
) -> None:
    """Print it; `since` is in seconds since 1970."""
    found = scanned(path, wiring.engines(settings), since)
    findings = [asdict(one) | {"advice": _advice(one, model)} for one in found.findings]
    if as_json:
        show.as_json(
            {
                "log": path, "engine": found.engine, "bytes_read": found.bytes_read,
                "bytes_before": found.bytes_before, "patterns": findings,
            }
        )  # fmt: skip
        return
    if found.bytes_before:
        show.line(f"Read the last {file_size(found.bytes_read)} of {path}.")
    if not findings:
        show.line("The log holds nothing that is known to mean something.")
    for one, raw in zip(findings, found.findings, strict=True):
        times = f"{raw.count} times, last" if raw.count > 1 else "once,"
        show.line(f"{one['cause']}: {raw.what}")
        show.line(f"  {times} in line {raw.last.line}{_when(raw.last.at)}: {raw.last.text.strip()}")
        show.line(f"  {one['advice']}")


def _advice(finding: Finding, model: str) -> str:
    return named(Diagnosis(finding.cause, finding.what, finding.advice), model).advice


def _when(at: float | None) -> str:
    if at is None:
        return ""
    return f" ({datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S})"
