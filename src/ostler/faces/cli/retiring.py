"""What goes with a model that is removed: its wishes, the services and files written for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler import wiring
from ostler.core.drift import Written
from ostler.errors import OstlerError
from ostler.faces.cli import server, show
from ostler.faces.cli.syncing import taken_out
from ostler.faces.server import wishes as w
from ostler.nouns import Removal
from ostler.settings import Settings
from ostler.verbs import editing as files
from ostler.verbs import written


@dataclass(frozen=True, slots=True)
class Retirement:
    """What would go, besides the weights."""

    ids: frozenset[str]  # the models that are no longer served
    wishes: files.Change
    written: tuple[tuple[tuple[files.Change, ...], Written], ...]

    @property
    def changes(self) -> list[files.Change]:
        both = (self.wishes, *(one for several, _ in self.written for one in several))
        return [one for one in both if one.changes]

    @property
    def wishes_taken(self) -> tuple[bytes, bytes] | None:
        """Return what ostler.yaml said before and after; None where it loses nothing."""
        change = self.wishes
        return (change.before or b"", change.after or b"") if change.changes else None


def going(
    settings: Settings, removals: Collection[Removal]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids that the removals end, and every name that leads to them alone."""
    from ostler.core.naming import served_names

    gone = {(one.manifest.commit, file.path) for one in removals for file in one.files}
    named = served_names(wiring.store(settings).models())
    ending = [
        one
        for one in named
        if any((one.manifest.commit, path) in gone for path in one.variant.files)
    ]
    ids = frozenset(one.id for one in ending)
    staying = {one.manifest.name for one in named if one.id not in ids}
    names = {name for one in ending for name in (one.id, *one.aliases)}
    names |= {one.manifest.name for one in ending} - staying
    return ids, frozenset(names)


def plan(settings: Settings, removals: Collection[Removal]) -> Retirement:
    """Return what goes with these models. Raises UsageError, BrokenYaml, CannotEdit."""
    ids, names = going(settings, removals)
    change = files.plan(settings.home / w.FILE, lambda held: without(held, names), new=True)
    services = []
    for one in written.everything(settings.home):
        if not one.models or not set(one.models) <= ids:
            continue
        services.append((tuple(taken_out(one)), one))
    return Retirement(ids, change, tuple(services))


def without(held: Any, names: Collection[str]) -> Any:
    """Return the wishes without these models; what they say of others stays."""
    if not isinstance(held, dict):
        return held
    said = dict(held)
    if isinstance(said.get("preload"), list):
        said["preload"] = [one for one in said["preload"] if one not in names]
    if isinstance(said.get("models"), dict):
        said["models"] = {name: one for name, one in said["models"].items() if name not in names}
        if held["models"] and not said["models"]:
            del said["models"]  # as it was before the first was added
    return said


def shown(found: Retirement) -> None:
    """Print what goes besides the weights."""
    for one in found.changes:
        show.line(one.diff.rstrip("\n"))


def carry_out(settings: Settings, found: Retirement, *, force: bool) -> list[Path]:
    """Stop the models, take their wishes and services out; return the copies kept of files."""
    running = server.running(settings)
    for name in sorted(found.ids) if force else ():
        if not running:
            break
        try:
            server.ask(running, "POST", server.model_path(name, "unload") + "?force=true")
        except OstlerError as error:
            show.note(f"{name} was not stopped: {error.what}")
    files.carry_out(found.wishes, copy=False)
    copies = []
    for changes, one in found.written:
        kept = [files.carry_out(change) for change in changes]
        copies += [path for path in kept if path]
        written.forget(settings.home, one)
        if one.part[:1] == ("services",):
            show.note(f"If it runs: docker compose -f {one.path} up -d --remove-orphans ends it.")
    return copies
