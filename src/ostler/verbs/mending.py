"""Bring damaged records back: what can be read of them, in a new file in their place."""

from __future__ import annotations

from pathlib import Path

from ostler.records import salvage
from ostler.records.salvage import Salvaged
from ostler.store import locks


def plan(home: Path) -> str:
    """Return what is wrong with the records of a home, nothing where they are sound or absent.

    Raises RecordsUnavailable where they cannot be looked at now.
    """
    return salvage.fault(home)


def carry_out(home: Path) -> Salvaged | None:
    """Set damaged records aside and save what can be read of them; None where they are sound.

    Raises Busy while another command does this, and RecordsUnavailable.
    """
    with locks.hold(home / "locks" / "records.lock", wait=False):
        return salvage.mend(home) if salvage.fault(home) else None
