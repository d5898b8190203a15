"""Why something does not work, as the control API tells it. Everything here may block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ostler.core import checkup, drift
from ostler.faces.api import work_schemas as s
from ostler.settings import Settings
from ostler.verbs import editing


def why(settings: Settings, model: str, offline: bool) -> s.Findings:
    """Say what stands between a model and an answer, step by step."""
    from ostler.faces.cli import why as command

    return _shown(list(command.explain(settings, model, None, None, offline)))


def doctor(settings: Settings, model: str | None, offline: bool) -> s.Findings:
    """Look at everything the installation stands on."""
    from ostler.faces.cli import checks

    settings = replace(settings, offline=offline or settings.offline)
    return _shown(checks.run(checks.everything(settings, None, model)))


def sync(settings: Settings, *, dry_run: bool, prune: bool) -> s.Synced:
    """Write the files again that are not as wished; say what is left. Raises UsageError."""
    from ostler.faces.cli import syncing

    before = syncing.look(settings, ())
    changes = syncing.changes(before, prune=prune)
    copies = []
    for change, one in changes if not dry_run else ():
        kept = editing.carry_out(change)
        copies += [str(kept)] if kept else []
        if one:
            syncing.keep(settings, one)
    after = before if dry_run else syncing.look(settings, ())
    return s.Synced(
        in_sync=not after.differences,
        differences=[_difference(one) for one in after.differences],
        wrote=bool(changes) and not dry_run,
        diff="".join(change.diff for change, _ in changes),
        copies=copies,
    )


def _difference(one: drift.Difference) -> s.DriftShown:
    fix = one.fix or "ostler sync"
    return s.DriftShown(kind=one.kind, where=one.where, what=one.what, fix=fix)


def _shown(found: Sequence[checkup.Finding]) -> s.Findings:
    return s.Findings(
        state=checkup.worst(found),
        findings=[
            s.FindingShown(check=one.check, state=one.state, what=one.what, fix=one.fix)
            for one in found
        ],
    )
