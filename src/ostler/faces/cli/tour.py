"""`ostler` alone: what is here, and what to do next; at once, and without asking anything far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ostler.core.sizes import counted, duration, file_size
from ostler.core.usage import advice
from ostler.errors import OstlerError
from ostler.faces.cli import show
from ostler.nouns import Format
from ostler.settings import Settings
from ostler.store import Store

if TYPE_CHECKING:
    from ostler.core.naming import Named
    from ostler.nouns import Download

PATIENCE = 2.0  # seconds; a server that thinks longer is said to be one that does
RECENT = 86_400.0  # seconds; what crashed longer ago is not news
FIRST = "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m"
NAMED = 4  # models
CHATS = ("text-generation", "conversational", "image-text-to-text", "any-to-any")
EMPTY = (
    ("ostler demo", "the whole way on shipped models: no download, half a minute"),
    (f"ostler run {FIRST}", "fetch a small model (400 MB) and chat"),
    ("ostler guide --platform cpu", "which models to take for which use"),
    ("ostler recommend --task coding", "which model, on which rented GPU, for how much"),
    ("ostler doctor", "is all well here?"),
    ("ostler --help", "every command"),
)


def tour(settings: Settings) -> None:
    """Print it."""
    from ostler.core.naming import served_names

    store = Store(settings.home)
    names = [named.id for named in sorted(served_names(store.models()), key=_talks_least)]
    downloads = store.downloads.all()
    if not names and not downloads:
        show.line(f"Ostler keeps and serves open language models. {settings.home} keeps none yet.")
        _next(EMPTY)
        return
    fleet, problem = _fleet(settings)
    show.pairs(list(_here(settings, store, names, fleet, downloads)))
    for text in (*([problem] if problem else ()), *_problems(settings, store, fleet, downloads)):
        show.line(f"{show.style('!', fg='yellow', bold=True)} {text}")
    _next(list(_steps(names, fleet, downloads)))


def _talks_least(named: Named) -> tuple[bool, bool, str]:
    """Put first what can be chatted with by the engine that comes along."""
    silent = (named.manifest.task or "text-generation") not in CHATS
    return silent, named.variant.format is not Format.GGUF, named.id


def _here(
    settings: Settings, store: Store, names: list[str], fleet: dict[str, Any] | None,
    downloads: list[Download],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    free, _ = store.disk()
    some = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" * (len(names) > NAMED))
    size = f"{file_size(store.used_bytes())} in {settings.home}, {file_size(free)} free"
    yield "kept", f"{counted(len(names), 'model')}{': ' * bool(names)}{some}"
    yield "disk", size
    if fleet:
        yield "server", f"{fleet['address']}/v1, up {duration(fleet['seconds'])}"
        if fleet["dashboard"]:
            yield "dashboard", f"{fleet['dashboard']} (ostler dashboard)"
        loaded = ", ".join(f"{one['id']} ({one['state']})" for one in fleet["models"])
        yield "loaded", loaded or "nothing; the first request for a model loads it"
    for one in downloads:
        if one.running:
            share = f"{100 * one.done / one.total:.0f} %" if one.total else file_size(one.done)
            left = f", {duration(one.left)} left" if one.left is not None else ""
            yield "download", f"{one.name}, {share}{left}"


def _fleet(settings: Settings) -> tuple[dict[str, Any] | None, str]:
    """Return what the server says, and what is wrong where it is there and says nothing."""
    if not (settings.run_dir / "serve.json").exists():
        return None, ""  # without the modules that ask one
    from ostler.faces.cli import server

    found = server.running(settings)
    try:
        fleet = server.ask(found, "GET", "/api/fleet", patience=PATIENCE) if found else None
    except OstlerError as refusal:
        return None, refusal.what
    return fleet, ""


def _problems(
    settings: Settings, store: Store, fleet: dict[str, Any] | None, downloads: list[Download]
) -> Iterator[str]:
    if fleet:
        yield from fleet["warnings"]
        for one in fleet["models"]:
            if one["state"] == "failed":
                yield f"{one['id']} failed. ostler why {one['id'].partition('~')[0]}"
    for download in downloads:
        if not download.running:
            yield f"{download.name} is half fetched. ostler downloads resume {download.id}"
    state, sentence = advice(store.disk()[0], settings.disk_warn_gb, settings.disk_critical_gb)
    if state == "critical":
        yield f"{sentence} ostler du shows what takes it"
    if settings.home.stat().st_mode & 0o077:
        yield f"Other users can look into {settings.home}. chmod 700 {settings.home}"
    crashes = sorted(settings.logs_dir.glob("crash-*.txt"))
    if crashes and time.time() - crashes[-1].stat().st_mtime < RECENT:
        yield f"Ostler crashed within a day; the details are in {crashes[-1]}"


def _steps(
    names: list[str], fleet: dict[str, Any] | None, downloads: list[Download]
) -> Iterator[tuple[str, str]]:
    if names and fleet:
        yield f"ostler test {names[0]}", "one real request, timed"
        yield "ostler top", "watch it"
    elif names:
        yield "ostler serve", "all of them, at one address"
        yield f"ostler run {names[0]}", "chat"
    elif any(one.running for one in downloads):
        yield "ostler downloads", "how far it is"
    yield "ostler status", "all of it, with devices, jobs and cost"
    yield "ostler --help", "every command"


def _next(steps: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> None:
    show.line()
    named, room = max(len(command) for command, _ in steps), show.width()
    beside = room is None or all(named + len(what) + 4 <= room for _, what in steps)
    between = "  " if beside else "\n      "
    for command, what in steps:
        text = command.ljust(named) if beside else command
        show.line(f"  {text}{between}{show.style(what, dim=True)}")
