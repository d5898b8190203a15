"""`ostler test`: one real request, timed."""

from __future__ import annotations

import asyncio

import click

from ostler import wiring
from ostler.core.naming import Named
from ostler.core.sizes import duration
from ostler.faces.cli import options, server, show
from ostler.faces.cli.waiting import waiting
from ostler.faces.server.address import Found
from ostler.nouns import Task
from ostler.settings import Settings
from ostler.verbs.trial import Trial, trial


@click.command("test")
@click.argument("model")
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str, as_json: bool) -> None:
    """Send MODEL one real request of its kind, through the server, and time it.

    The first request to a model that is not loaded includes its loading.

    \b
    ostler test Qwen/Qwen2.5-0.5B-Instruct-GGUF
    """
    found = server.needed(settings)
    named = wiring.named(settings, model)
    with waiting(f"Asking {named.id}"):
        tried = asyncio.run(_try(settings, named, found))
    if as_json:
        show.as_json({"model": named.id, **show.plain(tried)})
        raise SystemExit(0 if tried.ok else tried.refusal(named.id).exit_code)
    if not tried.ok:
        raise tried.refusal(named.id)
    show.line(f"OK: {named.id}, {tried.what} in {duration(tried.seconds)}.")


async def _try(settings: Settings, named: Named, found: Found) -> Trial:
    from ostler.verbs.inspect import kept_facts

    facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
    return await trial(
        found.host,
        found.port,
        named.id,
        facts.task or Task.CHAT,
        chat_template=facts.chat_template,
        key=found.key,
        patience=server.PATIENCE,
    )
