"""`ostler export prometheus` and `grafana`: what watches a server."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.errors import UsageError
from ostler.faces.cli import show
from ostler.settings import Settings

FORCE = click.option("--force", is_flag=True, help="Replace files that are there.")


@click.command("prometheus")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write prometheus.yml and ostler.rules.yml there, not stdout.")  # fmt: skip
@click.option("--target", metavar="HOST:PORT", help="Where the server is; else as it is set here.")
@click.option("--key-file", metavar="FILE", help="The file with an operator's key.")
@click.option("--ca-file", metavar="FILE", help="Ask over TLS, and trust this certificate.")
@FORCE
@click.pass_obj
def prometheus(
    settings: Settings, out: Path | None, target: str | None, key_file: str | None,
    ca_file: str | None, force: bool,
) -> None:  # fmt: skip
    """Write how Prometheus scrapes the server, and its alert rules.

    \b
    ostler export prometheus --out /etc/prometheus
    """
    from ostler.exporters.prometheus import rules, scraping

    address = target or f"{settings.host}:{settings.port}"
    files = {"prometheus.yml": scraping(address, key_file, ca_file), "ostler.rules.yml": rules()}
    if out is None:
        for name, text in files.items():
            show.line(f"# {name}\n{text}")
        return
    for name, text in files.items():
        _write(out / name, text, force)


@click.command("grafana")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write this file, not stdout.")  # fmt: skip
@FORCE
def grafana(out: Path | None, force: bool) -> None:
    """Write a Grafana dashboard: requests, times, tokens, memory, models, downloads.

    \b
    ostler export grafana --out ostler.json
    """
    from ostler.exporters.grafana import dashboard

    if out is None:
        show.line(dashboard().rstrip("\n"))
        return
    _write(out, dashboard(), force)


def _write(path: Path, text: str, force: bool) -> None:
    if path.exists() and path.read_text() != text and not force:
        raise UsageError(f"{path} is there, and says something else.", hint="--force replaces it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    show.note(f"Written: {path}")
