"""Who is asking, and what they may read."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass

from ostler.faces.hub import refusals
from ostler.faces.hub.repos import Repo


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a request's token is worth here."""

    sent: bool = False  # brought a token at all
    known: bool = False
    granted: bool = False  # may read repositories that need their owner's consent


@dataclass(frozen=True, slots=True)
class Door:
    """Whose tokens count.

    A hub without tokens is open: it ignores the ones that clients send, since they are meant
    for another hub. `granted` are those tokens that also read repositories gated "manual".
    A `closed` hub answers nothing without a known token.
    """

    tokens: Collection[str] = ()
    granted: Collection[str] = ()
    closed: bool = False

    def visitor(self, authorization: str | None) -> Visitor:
        """Return who asks. Raises Refusal (401) on a wrong token, or none at a closed hub."""
        token = (authorization or "").removeprefix("Bearer ").strip()
        if not self.tokens and not self.granted:
            return Visitor(sent=bool(token))
        if not token:
            if self.closed:
                raise refusals.no_token()
            return Visitor()
        granted = _among(token, self.granted)
        if not granted and not _among(token, self.tokens):
            raise refusals.bad_token()
        return Visitor(sent=True, known=True, granted=granted)

    def missing(self, visitor: Visitor) -> refusals.Refusal:
        """Return the answer for a repository that is not there, or not for this visitor.

        One answer for both, or a name that is refused would tell that it exists.
        """
        anonymous = bool(self.tokens) and not visitor.known
        return refusals.repo_not_found(401 if anonymous else 404)


def may_see(visitor: Visitor, repo: Repo) -> bool:
    return visitor.known or not repo.private


def check_consent(visitor: Visitor, repo: Repo) -> None:
    """Return when the visitor may read the files. Raises Refusal (GatedRepo)."""
    if repo.gated is None or visitor.granted or (repo.gated == "auto" and visitor.known):
        return
    raise refusals.gated(repo.name, known=visitor.sent)


def _among(token: str, tokens: Collection[str]) -> bool:
    # every one is compared, in constant time, so that the time taken tells nothing
    return sum(hmac.compare_digest(token.encode(), known.encode()) for known in tokens) > 0
