"""What every route does first: who asks, for which repository, at which commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from starlette.requests import Request

from ostler.faces.hub import refusals
from ostler.faces.hub.repos import HubFile, Repo, Repos, Snapshot
from ostler.faces.hub.visitors import Door, Visitor, check_consent, may_see
from ostler.verbs.arrive import Arrival

DEEPEST_REVISION = 8  # parts between slashes that a revision's name may have


class Outside(Repos, Protocol):
    """Repositories of another hub, which fetches what is not here yet."""

    def bring(self, repo: Repo, snapshot: Snapshot, file: HubFile) -> Arrival:
        """Return the file as it arrives; one download, however many ask."""
        ...


class Moved(Exception):
    """The repository has another name now."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True, slots=True)
class Desk:
    """The repositories, the door, and the hub outside that operators reach through this one."""

    repos: Repos
    door: Door
    outside: Outside | None = None

    def visitor(self, request: Request) -> Visitor:
        """Return who asks. Raises Refusal (401)."""
        return self.door.visitor(request.headers.get("authorization"))

    def repo(self, request: Request, rest: str = "") -> tuple[Repo, Visitor]:
        """Return the repository that the request names, as this visitor may see it.

        `rest` is `<revision>/<path>` where the request has one. Raises Refusal, Moved.
        """
        visitor = self.visitor(request)
        owner, own = request.path_params["owner"], request.path_params["name"]
        name = f"{owner}/{own.removesuffix('.git')}"
        repos = self._for(visitor)
        today = None if name in repos.names() else repos.renamed(name)
        repo = repos.find(today or name, _revision(rest))
        if repo is None or not may_see(visitor, repo):
            raise self.door.missing(visitor)
        if today:
            query = f"?{request.url.query}" if request.url.query else ""
            raise Moved(quote(request.scope["path"].replace(name, today, 1)) + query)
        return repo, visitor

    def file(self, request: Request, rest: str) -> tuple[Repo, Snapshot, HubFile]:
        """Return a file that this visitor may read. Raises Refusal, Moved.

        Only what the snapshot lists can be named, so no path leads elsewhere.
        """
        repo, visitor = self.repo(request, rest)
        check_consent(visitor, repo)
        snapshot, revision, path = at_revision(repo, rest)
        found = snapshot.files.get(path)
        if found is None:
            raise refusals.entry_not_found(path, revision)
        return repo, snapshot, found

    def _for(self, visitor: Visitor) -> Repos:
        return self.outside if self.outside and visitor.operator else self.repos


def at_revision(repo: Repo, rest: str) -> tuple[Snapshot, str, str]:
    """Split `<revision>/<path>` where the revision's own name may hold slashes.

    Raises Refusal (RevisionNotFound).
    """
    parts = rest.split("/")
    for count in range(min(len(parts), DEEPEST_REVISION), 0, -1):
        revision = "/".join(parts[:count])
        commit = repo.commit_of(revision)
        if commit:
            return repo.snapshots[commit], revision, "/".join(parts[count:])
    raise refusals.revision_not_found(parts[0])


def _revision(rest: str) -> str | None:
    """Return the revision to ask another hub for: one part, or three where it is a full ref."""
    parts = rest.split("/")
    return "/".join(parts[:3] if parts[0] == "refs" else parts[:1]) or None
