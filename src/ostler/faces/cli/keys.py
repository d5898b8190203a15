"""`ostler keys`: the keys of callers."""

from __future__ import annotations

from contextlib import closing

import click

from ostler import wiring
from ostler.errors import OstlerError
from ostler.faces.cli import asking, journal, options, server, show
from ostler.nouns import AccessKey
from ostler.settings import Settings


@click.group("keys")
def command() -> None:
    """Make, list, replace and end the keys that callers send.

    Once there is a key, every caller needs one. A key is shown when it is made and never again:
    only its SHA-256 is kept. A running server knows of a change at once.

    \b
    ostler keys create ci --role operator
    ostler keys create anna --models 'Qwen/*' --rpm 60 --concurrent 4 --tokens-per-day 1000000
    ostler keys ls
    ostler keys rotate anna
    ostler keys revoke anna --why "left the team"
    """


@command.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["user", "operator"]),
    default="user",
    show_default=True,
    help="A user asks models; an operator also loads, stops, pulls and makes keys.",
)
@click.option(
    "--models",
    multiple=True,
    metavar="GLOB",
    help="Only models whose name matches; may be given again. Without it: all.",
)
@click.option("--rpm", type=click.IntRange(1), metavar="N", help="Requests a minute.")
@click.option("--concurrent", type=click.IntRange(1), metavar="N", help="Requests at once.")
@click.option("--tokens-per-day", type=click.IntRange(1), metavar="N", help="Read and written.")
@options.as_json
@click.pass_obj
def create(
    settings: Settings, name: str, role: str, models: tuple[str, ...], rpm: int | None,
    concurrent: int | None, tokens_per_day: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a key and show it, once.

    \b
    ostler keys create ci --role operator
    ostler keys create anna --models 'Qwen/*' --rpm 60
    """
    from ostler.verbs import keyring

    wanted = AccessKey(name, "", role, models or ("*",), rpm, concurrent, tokens_per_day)
    with closing(wiring.records(settings)) as records:
        key = keyring.create(wanted, records, journal.actor())
    _show_once(settings, name, key, as_json)


@command.command("rotate")
@click.argument("name")
@options.as_json
@click.pass_obj
def rotate(settings: Settings, name: str, as_json: bool) -> None:
    """Replace a key by a new one that may the same; the old one ends at once.

    \b
    ostler keys rotate anna
    """
    from ostler.verbs import keyring

    with closing(wiring.records(settings)) as records:
        key = keyring.rotate(name, records, journal.actor())
    _show_once(settings, name, key, as_json)


@command.command("revoke")
@click.argument("name")
@click.option("--why", metavar="TEXT", default="", help="Kept in the history.")
@options.yes
@options.as_json
@click.pass_obj
def revoke(settings: Settings, name: str, why: str, yes: bool, as_json: bool) -> None:
    """End a key. Requests that are under way come to their end.

    \b
    ostler keys revoke anna --why "left the team"
    """
    from ostler.verbs import keyring

    with closing(wiring.records(settings)) as records:
        keyring.find(name, records)
        if not (yes or why):
            asking.confirm(
                f"End the key '{name}'?", "the key is still in force",
                f"ostler keys revoke {name} --yes",
            )  # fmt: skip
        keyring.revoke(name, records, journal.actor(), why)
    known = _tell(settings)
    if as_json:
        show.as_json({"name": name, "revoked": True, "server_knows": known})
    else:
        show.line(f"The key '{name}' is no longer accepted.")


@command.command("ls")
@click.option("--all", "everything", is_flag=True, help="Also those that were ended.")
@options.as_json
@click.pass_obj
def ls(settings: Settings, everything: bool, as_json: bool) -> None:
    """List keys: what each may, how much, and what it used today.

    \b
    ostler keys ls
    """
    from ostler.records.moment import today

    with closing(wiring.records(settings)) as records:
        kept = [key for key in records.keys.all() if everything or key.revoked_at is None]
        tokens = records.usage.tokens(today())
    if as_json:
        show.as_json([{**show.plain(key), "tokens_today": tokens.get(key.name, 0)} for key in kept])
        return
    if not kept:
        show.line("No key is in force. `ostler keys create NAME` makes one.")
        return
    show.table(
        ("NAME", "ROLE", "MODELS", "PER MINUTE", "AT ONCE", "TOKENS A DAY", "TODAY", "MADE", ""),
        [_row(key, tokens.get(key.name, 0)) for key in kept],
        right=(3, 4, 5, 6),
        spare=("MADE",),
    )


@command.command("usage")
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, metavar="N")
@options.as_json
@click.pass_obj
def usage(settings: Settings, days: int, as_json: bool) -> None:
    """Show the requests and tokens of each key and model, day by day (UTC).

    \b
    ostler keys usage --days 30
    """
    from ostler.records.moment import hours_ago

    with closing(wiring.records(settings)) as records:
        used = records.usage.since(hours_ago(24 * (days - 1))[:10])
    if as_json:
        show.as_json(used)
        return
    if not used:
        show.line("No request was counted in these days.")
        return
    show.table(
        ("DAY", "KEY", "MODEL", "REQUESTS", "ERRORS", "TOKENS READ", "WRITTEN"),
        [
            (one.day, one.key or "-", one.model, f"{one.requests:,}", f"{one.errors:,}",
             f"{one.prompt_tokens:,}", f"{one.completion_tokens:,}")
            for one in used
        ],
        right=(3, 4, 5, 6),
        spare=("ERRORS",),
    )  # fmt: skip


def _row(key: AccessKey, tokens: int) -> tuple[str, ...]:
    limits = (key.requests_per_minute, key.concurrent, key.tokens_per_day)
    return (
        key.name,
        key.role,
        ", ".join(key.models),
        *("no limit" if limit is None else f"{limit:,}" for limit in limits),
        f"{tokens:,}",
        key.created_at[:10],
        f"ended {key.revoked_at[:10]}" if key.revoked_at else "",
    )


def _show_once(settings: Settings, name: str, key: str, as_json: bool) -> None:
    known = _tell(settings)
    if as_json:
        show.as_json({"name": name, "key": key, "server_knows": known})
        return
    show.line(key)
    show.note(f"This is the key '{name}'. It is shown this once and kept nowhere.")
    show.note("Callers send it as `Authorization: Bearer KEY`; without a key none is served now.")


def _tell(settings: Settings) -> bool:
    """Let a running server look at the keys now; it looks every second by itself."""
    found = server.running(settings)
    if found is None:
        return False
    try:
        server.ask(found, "POST", "/api/keys/reload")
    except OstlerError:
        return False
    return True
