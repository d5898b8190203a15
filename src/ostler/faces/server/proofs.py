"""Models proven, mended and moved between disks, each as work that can be watched and ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler import wiring
from ostler.core.copying import CopyPlan
from ostler.core.refs import parse
from ostler.errors import DamagedModel, UnknownModel, UsageError
from ostler.faces.api.store_schemas import CopyPlanned
from ostler.faces.server.clearing import Clearing
from ostler.faces.server.works import Telling
from ostler.nouns import Damage, Manifest
from ostler.settings import Settings
from ostler.store.shelf import Shelf
from ostler.verbs import archive, repair
from ostler.verbs.verify import verify

HARMLESS = "incomplete"  # files that nobody pulled, and that the hub may not even have
MARKED = ("hash", "size", "unreadable")


@dataclass(frozen=True, slots=True)
class Move:
    """A move between this disk and another, before it is made."""

    plan: CopyPlan
    shelf: Shelf

    def shown(self) -> CopyPlanned:
        """Return it as the API says it."""
        plan = self.plan
        return CopyPlanned(
            models=[f"{one.name}@{one.commit[:12]}" for one in plan.models],
            at=str(self.shelf.root),
            copy_bytes=plan.needed,
            have_bytes=sum(file.size for file in plan.have),
            free_bytes=plan.free,
            reserve_bytes=plan.reserve,
            fits=plan.fits,
        )


class Proofs:
    """Reads kept models again, and moves them. Everything here may block."""

    def __init__(self, settings: Settings, clearing: Clearing) -> None:
        self.settings, self._clearing = settings, clearing

    def known(self, name: str) -> None:
        """Raises UnknownModel, BadRef where no kept model has this name."""
        wiring.store(self.settings).matching(parse(name))

    def verify(self, name: str, mend: bool, telling: Telling) -> dict[str, Any]:
        """Read a model again, and mend what is damaged if that is wanted.

        Raises DamagedModel where something is wrong in the end, Cancelled, and what a hub raises.
        """
        store = wiring.store(self.settings)
        manifests = store.matching(parse(name))
        found: list[dict[str, Any]] = []
        mended: list[dict[str, Any]] = []
        for manifest in manifests:
            telling.stage("reading")
            damages = verify(store, manifest, telling.report)
            wrong = {one.path for one in damages if one.kind in MARKED}
            store.damage.found(file.sha256 for file in manifest.files if file.path in wrong)
            if mend and wrong | {one.path for one in damages if one.kind == "missing"}:
                telling.stage("mending")
                damages = self._mended(manifest, damages, telling, mended)
            found += [_damage(manifest, one) for one in damages]
        damaged = [one for one in found if one["kind"] != HARMLESS]
        if damaged:
            paths = ", ".join(sorted({str(one["path"]) for one in damaged})[:3])
            raise DamagedModel(
                f"{name} is damaged: {paths}.",
                hint="Repair it: the damaged blocks are fetched again, and nothing else"
                f" (ostler verify {manifests[0].name} --repair).",
                damages=found,
            )
        files = sum(len(one.files) for one in manifests)
        size = sum(one.size for one in manifests)
        return {"clean": True, "files": files, "bytes": size, "notes": found, "mended": mended}

    def _mended(
        self, manifest: Manifest, damages: tuple[Damage, ...], telling: Telling,
        mended: list[dict[str, Any]],
    ) -> tuple[Damage, ...]:  # fmt: skip
        source = wiring.source_of(self.settings, manifest)
        files = repair.plan(manifest, damages)
        done = repair.carry_out(
            manifest, files, source, wiring.store(self.settings), report=telling.report
        )
        mended += [{"path": one.path, "fetched_bytes": one.fetched} for one in done]
        gone = {one.path for one in done}
        return tuple(one for one in damages if one.path not in gone)

    # --- to another disk and back ----------------------------------------------------------

    def plan_away(self, name: str, to: str, *, force: bool) -> Move:
        """Return what archiving would copy. Raises UnknownModel, InUse, UsageError."""
        shelf = _shelf(to)
        held = () if force else self._clearing.loaded()
        return Move(archive.plan(parse(name), wiring.store(self.settings), shelf, held), shelf)

    def away(self, move: Move, telling: Telling) -> dict[str, Any]:
        """Move models: copied, read there once more, and only then removed here."""
        telling.stage("copying")
        store = wiring.store(self.settings)
        freed = archive.carry_out(move.plan, store, move.shelf, telling.report)
        return {"to": str(move.shelf.root), "freed_bytes": freed}

    def plan_back(self, name: str, place: str | None) -> Move:
        """Return what bringing a model back would copy. Raises UnknownModel, UsageError."""
        store, ref = wiring.store(self.settings), parse(name)
        known = [one.at for one in archive.archived(store) if one.name == ref.name]
        if not place and not known:
            raise UnknownModel(
                f"{name} was not archived from this home.",
                hint="GET /api/archived lists what was; `place` names another folder.",
            )
        shelf = _shelf(place or known[0])
        return Move(archive.plan_back(ref, store, shelf), shelf)

    def back(self, move: Move, keep: bool, telling: Telling) -> dict[str, Any]:
        """Copy models back, every byte proven."""
        telling.stage("copying")
        store = wiring.store(self.settings)
        shelf = move.shelf
        back = archive.bring_back(move.plan, store, shelf, keep=keep, report=telling.report)
        return {"from": str(shelf.root), "models": [one.name for one in back], "kept_there": keep}


def _shelf(place: str) -> Shelf:
    path = Path(place).expanduser()
    if not path.is_absolute() or "\0" in place:
        raise UsageError(
            f"{place[:200]!r} is no whole path of the server's machine.",
            hint="Write it from the root, such as /mnt/cold.",
        )
    return Shelf(path)


def _damage(manifest: Manifest, one: Damage) -> dict[str, Any]:
    return {
        "model": manifest.name, "commit": manifest.commit, "path": one.path, "kind": one.kind,
        "expected": one.expected, "got": one.got, "at": one.at,
    }  # fmt: skip
