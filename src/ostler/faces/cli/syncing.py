"""Looks at wishes, files and what runs, and writes files again: what `ostler sync` is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler import wiring
from ostler.core import drift, editing
from ostler.core.drift import Difference, Running, Seen, Service, Written
from ostler.core.naming import Named, served_names
from ostler.errors import OstlerError
from ostler.faces.cli import composing, server, writing
from ostler.faces.server import wishes as w
from ostler.settings import Settings
from ostler.verbs import editing as files
from ostler.verbs import stages, written


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, and what the files would say if they were written now."""

    side: drift.Side
    texts: Mapping[tuple[str, ...], Mapping[str, str]]  # words -> relative name -> text

    @property
    def differences(self) -> tuple[Difference, ...]:
        return drift.drift(self.side)


def look(settings: Settings, more: Sequence[Path]) -> Look:
    """Look at everything; `more` are Compose files that Ostler did not write into."""
    store = wiring.store(settings)
    named = served_names(store.models())
    names = {name for one in named for name in (one.id, *one.aliases, one.manifest.name)}
    wishes = w.load(settings.home / w.FILE)
    texts: dict[tuple[str, ...], Mapping[str, str]] = {}
    seen = [_seen(settings, one, texts) for one in written.everything(settings.home)]
    running, unmet = _running(settings)
    services, composed = _services(settings, seen, more)
    side = drift.Side(
        kept=names,
        roots=[place for one in named for place in _places(store.folder(one.manifest), one)],
        wished=[*wishes.preload, *wishes.models],
        promised=tuple(wishes.promised()),
        preload=_canonical(settings, wishes.preload),
        seen=seen,
        services=services,
        named=composed,
        ours=[(one.written.path, one.written.part[1]) for one in seen if one.written.part[1:]],
        containers=asyncio.run(wiring.composed(settings, list(composed))),
        running=running,
        unmet=unmet,
        begun=[(one.subject, one.begun) for one in stages.unfinished(settings.home)],
    )
    return Look(side, texts)


def _places(folder: Path, one: Named) -> list[str]:
    """Where a kept model is: its folder, and where each of its files really lies."""
    return [str(folder), *(str((folder / file.path).resolve()) for file in one.manifest.files)]


def _canonical(settings: Settings, names: Iterable[str]) -> list[str]:
    from ostler.faces.cli.wishes import own_name

    return [own_name(settings, name) for name in names]


def _seen(
    settings: Settings, one: Written, texts: dict[tuple[str, ...], Mapping[str, str]]
) -> Seen:
    """What is there of a file, and what would be there if it were written now."""
    held = written.held(one)
    try:
        if one.argv not in texts:
            with writing.again(settings, one) as found:
                texts[one.argv] = found
        wanted = _hashes(one, texts[one.argv])
    except OstlerError as error:
        return Seen(one, held, {}, error.what)
    more = {name: None for name in wanted if name not in held}
    return Seen(one, {**held, **more}, wanted)


def _hashes(one: Written, texts: Mapping[str, str]) -> dict[str, str]:
    if one.part:
        return {"": written.hash_of_part(part_of(one, texts))}
    return {name: written.hash_of(text.encode()) for name, text in texts.items()}


def part_of(one: Written, texts: Mapping[str, str]) -> Any:
    """Return the part that would be put into a user's file."""
    return editing.at(editing.read(texts[""], one.path), one.part)


def _services(
    settings: Settings, seen: Iterable[Seen], more: Sequence[Path]
) -> tuple[list[Service], dict[str, list[str]]]:
    """The services that start engines, in the files Ostler wrote into and those named.

    And the names of all services, by file.
    """
    paths = {one.written.path for one in seen if one.written.part[:1] == ("services",)}
    named = {str(one.resolve()) for one in more}
    found: list[Service] = []
    every: dict[str, list[str]] = {}
    for path in sorted(paths | named):
        content = files.read(Path(path), new=path not in named)
        data = editing.read(files.decoded(Path(path), content or b""), path)
        every[path] = list(editing.at(data, ("services",)) or ())
        found += drift.engine_services(path, data, composing.own(settings, Path(path)))
    return found, every


def _running(settings: Settings) -> tuple[list[Running] | None, list[str]]:
    found = server.running(settings)
    if not found:
        return None, []
    models = server.ask(found, "GET", "/api/models")
    unmet = server.ask(found, "GET", "/api/wishes")["unmet"]
    up = [Running(str(one["id"]).partition("~")[0], str(one["state"]), "server", one["why"] or "")
          for one in models]  # fmt: skip
    return up, list(unmet)


def changes(look: Look, *, prune: bool) -> list[tuple[files.Change, Written | None]]:
    """Return the changes of files that end the differences, each with what is to be remembered.

    What is to be forgotten comes with a `Written` without hashes. Unknown services go only if
    `prune`.
    """
    found: list[tuple[files.Change, Written | None]] = []
    for seen in look.side.seen:
        one = seen.written
        if seen.refused:
            if drift.is_orphan(seen, look.side.kept):
                found += [(change, _with(one, {})) for change in taken_out(one)]
        elif dict(seen.held) != dict(seen.wanted) or one.hashes != seen.wanted:
            found += [(change, _with(one, seen.wanted)) for change in _again(one, look, seen)]
    for service in look.side.services if prune else ():
        if any(f"services.{service.name}" in one.where and one.kind == "service_unknown"
               for one in look.differences):  # fmt: skip
            found.append((composing.taken_out(Path(service.path), service.name), None))
    return found


def _with(one: Written, hashes: Mapping[str, str]) -> Written:
    return Written(one.path, one.argv, hashes, one.part, one.models)


def taken_out(one: Written) -> list[files.Change]:
    """Return the changes that take away what was written: a part of a file, or files."""
    path = Path(one.path)
    if one.part:
        return [files.plan(path, lambda held: editing.without(held, one.part), new=True)]
    return [files.rewrite(path / name if name else path, None) for name in one.hashes]


def _again(one: Written, look: Look, seen: Seen) -> list[files.Change]:
    texts = look.texts[one.argv]
    if one.part:
        wanted = part_of(one, texts)
        change = files.plan(
            Path(one.path), lambda held: editing.put(held, one.part, wanted), new=True
        )
        return [change]
    gone = [name for name in one.hashes if name not in seen.wanted]
    return [
        *(files.rewrite(Path(one.path, name), text) for name, text in texts.items()),
        *(files.rewrite(Path(one.path, name), None) for name in gone),
    ]


def keep(settings: Settings, one: Written) -> None:
    """Remember what is written now, or forget what is no more."""
    if one.hashes:
        written.remember(settings.home, one)
    else:
        written.forget(settings.home, one)
