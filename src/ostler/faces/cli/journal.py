"""How commands write down what they did, and in whose name."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

from ostler import wiring
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.verbs.history import Outcome


def actor() -> str:
    """Return who runs this command, as the history names them: `cli:anna`."""
    import pwd

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def downloading(settings: Settings, model: str) -> AbstractContextManager[Outcome]:
    """Write down one try to download a model, however it ends."""
    from ostler.verbs import history

    return history.downloading(model, lambda: wiring.records(settings), actor())


def did(settings: Settings, act: str, subject: str, why: str = "", **facts: object) -> None:
    """Write down one act that has been done. Raises RecordsUnavailable."""
    from ostler.nouns import Event

    with closing(wiring.records(settings)) as records:
        records.events.add([Event(act, subject, actor(), why=why, facts=facts)])
