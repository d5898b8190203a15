"""`ostler serve`: every kept model behind one address."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from ostler import wiring
from ostler.core.reasons import why
from ostler.errors import Busy, UsageError
from ostler.faces.cli import options, server, show
from ostler.faces.gateway.messages import Key, Limits
from ostler.faces.server.address import Found, bind
from ostler.faces.server.entrance import Entrance, hosts, origins
from ostler.faces.server.keys import read_keys
from ostler.nouns import Workload
from ostler.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--host", help="Address to listen on. [env: OSTLER_HOST; 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="[env: OSTLER_PORT; 8077]")
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keys that callers must send, one line each: name key. Also: OSTLER_API_KEY.",
)
@options.context
@click.option(
    "--sequences",
    type=click.IntRange(1, options.MOST_SEQUENCES),
    metavar="N",
    default=4,
    show_default=True,
    help="Requests that one model answers at the same moment.",
)
@options.kv_dtype
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    default=1,
    show_default=True,
    help="Gateway processes; one relays 20,000 requests a second or more.",
)
@click.option("--tls-cert", type=FILE, metavar="FILE", help="Serve HTTPS: certificate chain, PEM.")
@click.option("--tls-key", type=FILE, metavar="FILE", help="Its private key, PEM.")
@click.option(
    "--access-log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append a JSON line for each request: no prompt, no answer, no key.",
)
@click.option(
    "--otlp",
    metavar="URL",
    help="Send a trace of each request there (OTLP over HTTP); needs ostler[otel]. "
    "[env: OSTLER_OTLP]",
)
@click.option("--no-dashboard", is_flag=True, help="No web pages. [env: OSTLER_DASHBOARD=no]")
@click.option(
    "--drain",
    type=options.Number(0),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="How long running answers may go on once the server is told to end.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A name by which callers without a key may call too. [env: OSTLER_ALLOW_HOSTS]",
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages from here ask (CORS), such as https://chat.example; none by default.",
)
@click.option(
    "--print-unit",
    type=click.Choice(("system", "user")),
    help="Print a systemd unit that serves like this, of the system or your own; start nothing.",
)
@click.pass_context
def command(
    ctx: click.Context, host: str | None, port: int | None, keys: Path | None,
    context: int | None, sequences: int, kv_dtype: str, workers: int, tls_cert: Path | None,
    tls_key: Path | None, access_log: Path | None, allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...], drain: float, otlp: str | None, print_unit: str | None,
    no_dashboard: bool,
) -> None:  # fmt: skip
    """Serve every kept model at one OpenAI-compatible address.

    A model is loaded by its first request. Ctrl-C ends the server and all engines, when running
    answers are whole; again, at once. SIGHUP reads keys, wishes and TLS files again, and opens the
    access log anew.

    \b
    ostler serve
    ostler serve --port 9000 --context 4096
    ostler serve --host 0.0.0.0 --keys keys.txt
    ostler serve --tls-cert chain.pem --tls-key key.pem
    ostler serve --print-unit user > ~/.config/systemd/user/ostler.service
    """
    settings: Settings = ctx.obj
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together.")
    if print_unit:
        from ostler.faces.cli.unit import show_unit

        show_unit(ctx, settings, print_unit)
        return
    settings = replace(settings, dashboard=settings.dashboard and not no_dashboard)
    already = server.running(settings)
    if already:
        raise Busy(
            f"A server runs for {settings.home} already, at {already.address}.",
            hint="`ostler ps` shows it, `ostler stop --all` ends it.",
        )
    if access_log:
        _must_be_writable(access_log)

    tls = (tls_cert.resolve(), tls_key.resolve()) if tls_cert and tls_key else None
    if tls:
        _must_be_a_pair(*tls)

    def known() -> Sequence[Key]:
        return read_keys(keys, os.environ)

    records = wiring.records(settings)
    guarded = bool(known() or records.keys.all())
    pages = origins(allow_origin or settings.allow_origins.split(","), guarded)
    listening = bind(host or settings.host, settings.port if port is None else port, guarded)
    workload = Workload(
        context or settings.context, sequences, kv_dtype, threads=settings.threads, for_all=True
    )
    from ostler.faces.server.hands import ServerHands
    from ostler.faces.server.server import Server
    from ostler.faces.server.traces import Traces

    limits = Limits(
        access_log=str(access_log.absolute()) if access_log else "",
        drain_seconds=drain,
        hosts=hosts(listening.getsockname()[0], allow_host or settings.allow_hosts.split(",")),
        origins=pages,
    )
    entrance = Entrance(listening, workers, tls, limits)
    receiver = otlp or settings.otlp
    traces = Traces(receiver) if receiver else None
    hands, key = ServerHands(settings, workload), secrets.token_urlsafe(32)
    one = Server(hands, entrance, known, key, records, traces)
    _warn_of_wishes(settings)
    asyncio.run(one.run(lambda found: _greet(found, settings.dashboard)))
    show.note("Stopped; nothing is left running.")


def _warn_of_wishes(settings: Settings) -> None:
    """Say at the start, too, what the server will say of wishes that cannot be read."""
    from ostler.faces.server import wishes

    try:
        wishes.load(settings.home / wishes.FILE)
    except UsageError as error:
        show.note(f"Warning: {error.what} Until it is mended, no wish of it is in force.")


def _must_be_writable(path: Path) -> None:
    try:
        path.open("a").close()
    except OSError as error:
        raise UsageError(f"--access-log {path} cannot be written: {error.strerror}.") from None


def _must_be_a_pair(chain: Path, key: Path) -> None:
    from ostler.faces.gateway.tls import Certificate

    try:
        Certificate(chain, key)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"{chain} and {key} cannot be used for HTTPS: {why(error)}.",
            hint="Give a certificate chain and its private key, both as PEM.",
        ) from None


def _greet(found: Found, shows_pages: bool) -> None:
    show.line(f"Ostler serves at {found.address}/v1")
    if shows_pages:
        show.line(f"  in a browser   {found.dashboard}   ostler dashboard opens it")
    show.line("  models   ostler ls          loaded   ostler ps          end   Ctrl-C")
