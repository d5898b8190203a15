"""Who is asking, and what they may read."""

from __future__ import annotations

import base64
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
    operator: bool = False  # may make the hub download from outside


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
    operators: Collection[str] = ()  # they read everything, and let the hub download
    all_operate: bool = False  # everyone who gets in is an operator: this machine's own user

    def visitor(self, authorization: str | None) -> Visitor:
        """Return who asks. Raises Refusal (401) on a wrong token, or none at a closed hub."""
        token = _token(authorization or "")
        if _among(token, self.operators):
            return Visitor(sent=True, known=True, granted=True, operator=True)
        if not self.tokens and not self.granted:
            if self.closed:
                raise refusals.bad_token() if token else refusals.no_token()
            return Visitor(sent=bool(token), operator=self.all_operate)
        if not token:
            if self.closed:
                raise refusals.no_token()
            return Visitor(operator=self.all_operate)
        granted = _among(token, self.granted)
        if not granted and not _among(token, self.tokens):
            raise refusals.bad_token()
        return Visitor(True, True, granted, operator=self.all_operate)

    def missing(self, visitor: Visitor) -> refusals.Refusal:
        """Return the answer for a repository that is not there, or not for this visitor.

        One answer for both, or a name that is refused would tell that it exists.
        """
        anonymous = bool(self.tokens) and not visitor.known
        return refusals.repo_not_found(401 if anonymous else 404)


def may_see(visitor: Visitor, repo: Repo) -> bool:
    """Say whether the visitor may know that the repository exists."""
    return visitor.known or not repo.private


def check_consent(visitor: Visitor, repo: Repo) -> None:
    """Return when the visitor may read the files. Raises Refusal (GatedRepo)."""
    if repo.gated is None or visitor.granted or (repo.gated == "auto" and visitor.known):
        return
    raise refusals.gated(repo.name, known=visitor.sent)


def _token(authorization: str) -> str:
    """Return the token of a Bearer header, or what git sends as the password of a Basic one."""
    kind, _, said = authorization.strip().partition(" ")
    if kind.lower() != "basic":
        return authorization.removeprefix("Bearer ").strip()
    try:
        return base64.b64decode(said, validate=True).decode().partition(":")[2].strip()
    except ValueError:
        return said  # which no token equals


def _among(token: str, tokens: Collection[str]) -> bool:
    # every one is compared, in constant time, so that the time taken tells nothing
    return sum(hmac.compare_digest(token.encode(), known.encode()) for known in tokens) > 0
