"""`ostler export traefik`: lead requests to engines by their path."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.errors import UsageError
from ostler.exporters import traefik as exporter
from ostler.faces.cli import options, server, show, writing
from ostler.settings import Settings

STATIC, DYNAMIC = "traefik.yaml", "dynamic/ostler.yaml"


@click.command("traefik")
@click.argument("models", nargs=-1, metavar="[MODEL[=URL]]...")
@click.option("--gateway", metavar="URL", help="Lead everything to this `ostler serve` instead.")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8080", show_default=True,
              help="Where Traefik listens.")  # fmt: skip
@click.option("--users", type=click.Path(path_type=Path), metavar="FILE",
              help="Ask callers for a name and password of this htpasswd file.")  # fmt: skip
@click.option("--static", is_flag=True, help="Print the static file, not the dynamic one.")
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR",
              help="Where Traefik finds the dynamic files; OUT/dynamic, if not said.")  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="DIR",
              help=f"Write {STATIC} and {DYNAMIC} there.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that are there.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, models: tuple[str, ...], gateway: str | None, listen: str,
    users: Path | None, static: bool, folder: Path | None, out: Path | None, force: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Write Traefik's files for MODELs: each at /runtime/models/NAME/v1, led to its engine.

    MODEL=URL says where its engine listens, as for a unit that `ostler export systemd` wrote; may
    be repeated for one model. MODEL alone is one that `ostler serve` has loaded, no MODEL all of
    these. Where models are loaded on demand, lead to Ostler's own gateway with --gateway.

    \b
    ostler export traefik org/name=http://127.0.0.1:21800 -o traefik
    ostler export traefik --gateway http://127.0.0.1:8077 --listen 0.0.0.0:443 --users users.txt
    """
    exporter.guarded(listen, str(users) if users else None)
    if gateway and models:
        raise UsageError("--gateway leads to every model; name none beside it.")
    who = str(users.absolute()) if users else None
    routes = [] if gateway else routed(ctx.obj, models or _loaded(ctx.obj))
    text = exporter.through(gateway, who) if gateway else exporter.dynamic(routes, who)
    where = folder or ((out / "dynamic") if out else Path("/etc/traefik/dynamic"))
    ctx.params["folder"] = where.absolute()
    fixed = exporter.static(listen, str(where.absolute()))
    if out:
        writing.several({STATIC: fixed, DYNAMIC: text}, out, force)
    elif not as_json:
        click.echo(fixed if static else text, nl=False)
    if as_json:
        show.as_json({"static": fixed, "dynamic": text, "at": exporter.addresses(routes, listen)})
        return
    for model, address in exporter.addresses(routes, listen).items():
        show.note(f"{model} will be at {address}")


def routed(settings: Settings, models: tuple[str, ...]) -> list[exporter.Route]:
    """Return a route for each model. Raises UnknownModel, UsageError where no engine is known."""
    servers: dict[str, list[str]] = {}
    for text in models:
        name, equals, url = text.partition("=")
        named = wiring.named(settings, name)
        found = [url] if equals else [_engine(settings, named.id)]
        servers.setdefault(named.id, []).extend(found)
    return [
        exporter.Route(model, found, wiring.named(settings, model).aliases)
        for model, found in servers.items()
    ]


def _loaded(settings: Settings) -> tuple[str, ...]:
    found = server.ask(server.needed(settings), "GET", "/api/models")
    names = [f"{one['id'].partition('~')[0]}=http://127.0.0.1:{one['port']}"
             for one in found if one["state"] == "ready" and one["port"]]  # fmt: skip
    if not names:
        raise UsageError(
            "No model is loaded, so no engine is known to lead to.",
            hint="Say where one listens, MODEL=URL, or take --gateway.",
        )
    return tuple(names)


def _engine(settings: Settings, model: str) -> str:
    found = server.running(settings)
    for one in server.ask(found, "GET", "/api/models") if found else ():
        if one["id"] == model and one["state"] == "ready" and one["port"]:
            return f"http://127.0.0.1:{one['port']}"
    raise UsageError(
        f"No engine of {model} runs here, so it is not known where it listens.",
        hint=f"{model}=http://127.0.0.1:PORT says it; `ostler load {model}` starts one.",
    )
