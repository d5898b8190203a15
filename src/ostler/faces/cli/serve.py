"""`ostler serve`: every kept model behind one address."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import click

from ostler import wiring
from ostler.errors import Busy
from ostler.faces.cli import options, server, show
from ostler.faces.server.address import Found, bind
from ostler.faces.server.keys import read_keys
from ostler.nouns import Workload
from ostler.settings import Settings


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
    type=click.IntRange(1),
    metavar="N",
    default=4,
    show_default=True,
    help="Requests that one model answers at the same moment.",
)
@options.kv_dtype
@click.pass_obj
def command(
    settings: Settings, host: str | None, port: int | None, keys: Path | None,
    context: int | None, sequences: int, kv_dtype: str,
) -> None:  # fmt: skip
    """Serve every kept model at one OpenAI-compatible address.

    A model is loaded by its first request. Ctrl-C ends the server and all engines.

    \b
    ostler serve
    ostler serve --port 9000 --context 4096
    ostler serve --host 0.0.0.0 --keys keys.txt
    """
    already = server.running(settings)
    if already:
        raise Busy(
            f"A server runs for {settings.home} already, at {already.address}.",
            hint="`ostler ps` shows it, `ostler stop --all` ends it.",
        )
    known = read_keys(keys, os.environ)
    records = wiring.records(settings)
    guarded = bool(known or records.keys.all())
    listening = bind(host or settings.host, settings.port if port is None else port, guarded)
    workload = Workload(context or settings.context, sequences, kv_dtype, threads=settings.threads)
    from ostler.faces.server.hands import ServerHands
    from ostler.faces.server.server import Server

    hands, key = ServerHands(settings, workload), secrets.token_urlsafe(32)
    one = Server(hands, listening, known, key, records)
    asyncio.run(one.run(_greet))
    show.note("Stopped; nothing is left running.")


def _greet(found: Found) -> None:
    show.line(f"Ostler serves at {found.address}/v1")
    show.line("  models   ostler ls          loaded   ostler ps          end   Ctrl-C")
