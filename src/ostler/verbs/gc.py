"""Take away what nothing needs: unnamed contents, stale unfinished files, expired removals."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ostler.core import plans, tidying
from ostler.core.tidying import Item, Removed, Unfinished
from ostler.errors import DamagedModel
from ostler.nouns import Manifest
from ostler.store import Store, durable
from ostler.verbs import rebuild

DAY = 86_400.0  # seconds
DRAFT_DAYS = 1.0  # a draft is renamed within seconds, or never
STALE_DAYS = 7.0  # an unfinished file that nobody went on with for a week is given up


@dataclass(frozen=True, slots=True)
class Garbage:
    """What would go, and the commits that would go with it."""

    items: tuple[Item, ...]
    commits: tuple[Manifest, ...]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


def plan(
    store: Store,
    trash_days: float,
    *,
    stale_days: float = STALE_DAYS,
    old_commits: bool = False,
    force: bool = False,
) -> Garbage:
    """Return what a clean-up would take away, each with its reason.

    Raises CorruptFile on a damaged manifest, and, without `force`, DamagedModel where manifests
    seem to be lost: contents are here, and a view names them or nothing at all does.
    With `old_commits` also the commits that no branch or tag leads to any longer.
    """
    models = store.manifests()
    if not force:
        _refuse_lost(store, models)
    commits = tidying.superseded(models) if old_commits else ()
    items = tidying.garbage(
        [one for one in models if one not in commits],
        _removed(store),
        dict(store.blobs.all()),
        _unfinished(store),
        trash_days=trash_days,
        stale_days=stale_days,
    )
    named = [
        Item("commit", f"{one.name}@{one.commit[:12]}", 0, "no branch leads to it; a newer is kept")
        for one in commits
    ]
    return Garbage((*named, *items, *_drafts(store)), commits)


def _drafts(store: Store) -> list[Item]:
    """Return what a killed process had begun to write beside its place."""
    now, found = time.time(), []
    for path in durable.drafts(store.home):
        with suppress(FileNotFoundError):  # renamed while we looked
            state = path.lstat()
            if now - state.st_mtime > DRAFT_DAYS * DAY:
                because = "a draft of a process that was killed"
                found.append(Item("draft", str(path), state.st_blocks * 512, because))
    return found


def _refuse_lost(store: Store, models: list[Manifest]) -> None:
    lost = rebuild.lost(store)
    if lost:
        raise DamagedModel(
            f"{lost[0]} has files here and no manifest, so nothing was taken away.",
            hint="`ostler rebuild` makes it anew; `ostler rm` then removes it if you wish.",
            models=lost,
        )
    if not models and not store.trash.entries() and store.used_bytes():
        raise DamagedModel(
            "There are contents here and no manifest at all, so nothing was taken away.",
            hint="`ostler rebuild` lists them; `ostler gc --force` frees them all the same.",
        )


def _removed(store: Store) -> list[Removed]:
    now = datetime.now(UTC)
    return [
        Removed(one.id, (now - one.at).total_seconds() / DAY, one.manifests)
        for one in store.trash.entries()
    ]


def _unfinished(store: Store) -> list[Unfinished]:
    found = []
    for key in store.partials.names():
        try:
            state = (store.partials.root / f"{key}.part").stat()
        except FileNotFoundError:
            continue  # finished while we looked
        found.append(Unfinished(key, state.st_blocks * 512, (time.time() - state.st_mtime) / DAY))
    return found


def carry_out(garbage: Garbage, store: Store, trash_days: float) -> int:
    """Do it; return the bytes freed. Raises Busy while a pull runs in this home.

    What was planned may have changed since; only what nothing names at this moment goes.
    """
    before, given_up = store.used_bytes(), 0
    for manifest in garbage.commits:
        store.forget(plans.removal(manifest, None, store.manifests()))
    with store.alone():
        expired = {one.id for one in _removed(store) if one.days >= trash_days}
        for entry in store.trash.entries():
            if entry.id in expired:
                store.trash.drop(entry)
        for item in garbage.items:
            if item.kind == "unfinished":
                given_up += _give_up(store, item)
            if item.kind == "draft":
                Path(item.name).unlink(missing_ok=True)
                given_up += item.bytes
    store.sweep()
    return given_up + before - store.used_bytes()


def _give_up(store: Store, item: Item) -> int:
    with store.partials.open(item.name) as part:
        part.discard()
    return item.bytes
