"""Models removed and brought back, as the control API asks for it. Everything here may block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ostler import wiring
from ostler.core.naming import find, served_names
from ostler.core.refs import parse
from ostler.faces.api import store_schemas as s
from ostler.faces.server.storeroom import States
from ostler.nouns import Manifest, Removal
from ostler.settings import Settings
from ostler.store.trash import Thrown
from ostler.verbs import remove, undo

if TYPE_CHECKING:
    from ostler.faces.cli.retiring import Retirement

AT_REST = ("failed", "stopped")  # states without a process


@dataclass(frozen=True, slots=True)
class Leaving:
    """What would go with a model."""

    removals: tuple[Removal, ...]
    retired: Retirement
    stops: Sequence[str]  # ids of models that are loaded and would end
    purge: bool

    def shown(self, *, removed: bool, freed: int = 0, until: str | None = None) -> s.Removed:
        """Return it as the API says it."""
        return s.Removed(
            removed=removed,
            models=[_going(one) for one in self.removals],
            freed_bytes=freed,
            frees_bytes=sum(one.freed_bytes for one in self.removals),
            until=until,
            stops=list(self.stops),
            changed=[str(one.path) for one in self.retired.changes],
            diff="".join(one.diff for one in self.retired.changes),
        )


class Clearing:
    """Takes models out of the store of this home, and back in."""

    def __init__(self, settings: Settings, states: States) -> None:
        self.settings, self._states = settings, states

    def loaded(self) -> frozenset[tuple[str, str]]:
        """Return (commit, weight file) of every model that has a process."""
        names = served_names(wiring.store(self.settings).models())
        held = [find(names, id) for id in self._up()]
        return frozenset(
            (one.manifest.commit, path) for one in held if one for path in one.variant.files
        )

    def plan(self, name: str, *, force: bool, purge: bool) -> Leaving:
        """Return what would go with a model. Raises UnknownModel, and InUse unless `force`."""
        from ostler.faces.cli import retiring

        store = wiring.store(self.settings)
        removals = remove.plan(parse(name), store, () if force else self.loaded())
        retired = retiring.plan(self.settings, removals)
        return Leaving(removals, retired, [id for id in self._up() if id in retired.ids], purge)

    def carry_out(self, leaving: Leaving) -> s.Removed:
        """Remove it; what it names as loaded has been stopped before. Raises Busy."""
        from ostler.faces.cli import retiring

        store = wiring.store(self.settings)
        retiring.carry_out(self.settings, leaving.retired, force=False)
        freed = remove.carry_out(
            leaving.removals, store, purge=leaving.purge, wishes=leaving.retired.wishes_taken
        )
        until = None if leaving.purge else self._until(store.trash.entries()[-1])
        return leaving.shown(removed=True, freed=freed, until=until)

    def trash(self) -> list[s.Thrown]:
        """Return what was removed and can be had back, the newest first."""
        return [
            s.Thrown(
                id=one.id,
                removed_at=one.at.isoformat(timespec="seconds"),
                until=self._until(one),
                bytes=one.size,
                models=[_thrown(manifest) for manifest in one.manifests],
            )
            for one in reversed(wiring.store(self.settings).trash.entries())
        ]

    def undo(self, model: str | None, *, dry_run: bool) -> s.Restored:
        """Bring the last removal back, of this model or of all.

        Raises UnknownModel, DamagedModel, Busy.
        """
        from ostler.faces.cli import returning

        store = wiring.store(self.settings)
        entry = undo.plan(store, parse(model) if model else None)
        wished = returning.plan(self.settings, entry)
        back = entry.manifests
        if not dry_run:
            back = undo.carry_out(entry, store)
            wished = returning.carry_out(wished)
        models = [one.name for one in back]
        return s.Restored(restored=not dry_run, bytes=entry.size, models=models, **wished.said)

    def _up(self) -> list[str]:
        return [id for id, state in self._states().items() if state not in AT_REST]

    def _until(self, thrown: Thrown) -> str:
        return (thrown.at + timedelta(days=self.settings.trash_days)).isoformat(timespec="seconds")


def _going(removal: Removal) -> s.Going:
    shared = {file.sha256: file.size for file in removal.files if file.sha256 in removal.shared}
    return s.Going(
        name=removal.manifest.name,
        commit=removal.manifest.commit,
        files=[file.path for file in removal.files],
        whole=removal.remaining is None,
        freed_bytes=removal.freed_bytes,
        shared_bytes=sum(shared.values()),
    )


def _thrown(manifest: Manifest) -> s.Going:
    return s.Going(
        name=manifest.name,
        commit=manifest.commit,
        files=[file.path for file in manifest.files],
        whole=True,
        freed_bytes=manifest.size,
        shared_bytes=0,
    )
