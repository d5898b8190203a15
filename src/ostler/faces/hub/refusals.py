"""How the hub says no, in the words and headers that Hub clients recognise.

`X-Error-Code` decides which error a client raises: over http it cannot tell from the status.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """An answer that is not what was asked for."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {"X-Error-Message": header_text(message), **(headers or {})}
        if code:
            self.headers["X-Error-Code"] = code
        if status == 401:
            self.headers["WWW-Authenticate"] = 'Bearer realm="Authentication required"'


def repo_not_found(status: int = 404) -> Refusal:
    """No such repository, or none for this visitor."""
    return Refusal(status, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> Refusal:
    """The repository has no such branch, tag or commit."""
    return Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(path: str, revision: str) -> Refusal:
    """The revision has no such file."""
    return Refusal(404, f'{path} does not exist on "{revision}"', "EntryNotFound")


def gated(name: str, known: bool) -> Refusal:
    """403 for a visitor whose token is known but has no consent, 401 for all others."""
    if known:
        sentence = (
            f"Access to model {name} is restricted and you are not in the authorized list. "
            f"Ask whoever runs this hub for access."
        )
        return Refusal(403, sentence, "GatedRepo")
    sentence = (
        f"Access to model {name} is restricted. You must have access to it and be "
        f"authenticated to access it. Please log in."
    )
    return Refusal(401, sentence, "GatedRepo")


def bad_token() -> Refusal:
    """A token that this hub does not know."""
    # the client looks for these very words, and without them takes a 401 for a missing repo
    return Refusal(401, "Invalid credentials in Authorization header")


def no_token() -> Refusal:
    """No token, where one is needed."""
    return Refusal(401, "Invalid username or password.")


def header_text(text: str) -> str:
    """Return the text as one header line: names from outside may hold anything."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
