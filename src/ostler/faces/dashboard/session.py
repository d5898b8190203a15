"""Who has signed in. Keys stay in this process's memory; a browser gets a random name for one."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE = 12 * 3600.0  # seconds after which a session that nobody used has ended
MOST = 1000  # sessions, and as many tickets
TICKET = 60.0  # seconds that a ticket lasts


@dataclass
class Session:
    """A browser that has signed in with a key."""

    key: str = field(repr=False)
    used: float  # of the clock
    ended: bool = False  # tabs that are open still know it
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def touch(self) -> None:
        """Note that it is used: by a tab that is looked at, too."""
        self.used = self.clock()


@dataclass
class Sessions:
    """The sessions and tickets of one server."""

    clock: Callable[[], float] = time.monotonic
    _open: dict[str, Session] = field(default_factory=dict, repr=False)  # by their name's SHA-256
    _tickets: dict[str, Session] = field(default_factory=dict, repr=False)

    def begin(self, key: str) -> str:
        """Return the secret name of a new session."""
        return self._keep(self._open, key)

    def find(self, name: str) -> Session | None:
        """Return the session of this name, None where there is none or it has ended."""
        session = self._open.get(_hash(name))
        now = self.clock()
        if session is None or now - session.used > IDLE:
            self.end(name)
            return None
        session.touch()
        return session

    def end(self, name: str) -> None:
        """End a session."""
        session = self._open.pop(_hash(name), None)
        if session is not None:
            session.ended = True

    def ticket(self, key: str) -> str:
        """Return a ticket that opens one session with this key, within a minute."""
        return self._keep(self._tickets, key)

    def redeem(self, ticket: str) -> str | None:
        """Return the key of a ticket, once; None where it is used, too old or none of ours."""
        found = self._tickets.pop(_hash(ticket), None)
        if found is None or self.clock() - found.used > TICKET:
            return None
        return found.key

    def _keep(self, among: dict[str, Session], key: str) -> str:
        name = secrets.token_urlsafe(32)
        among[_hash(name)] = Session(key, self.clock(), clock=self.clock)
        for old in list(among)[:-MOST]:
            among.pop(old).ended = True
        return name


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
