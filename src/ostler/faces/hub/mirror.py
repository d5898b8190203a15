"""Another hub's repositories beside those kept here: a mirror that fills itself on demand.

What is asked for is listed as the hub outside lists it, and fetched when its bytes are asked for.
Where that hub is gone, what was kept before is what there is.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ostler.core import cards, git, hashes, paths
from ostler.core.refs import parse
from ostler.errors import AuthRequired, BadRef, HubUnreachable, ModelNotFound, OstlerError
from ostler.faces.hub import refusals
from ostler.faces.hub.repos import HubFile, Repo, Repos, Snapshot
from ostler.nouns import Listing, RemoteFile
from ostler.ports import Source
from ostler.verbs.arrivals import Arrivals
from ostler.verbs.arrive import Arrival

FRESH = 30.0  # seconds for which a branch is taken to be where it was
OUTAGE = 10.0  # seconds for which a hub that did not answer is not asked again
REMEMBERED = 256  # listings


@dataclass(frozen=True, slots=True)
class _Heard:
    listing: Listing
    when: float


class Mirror:
    """The repositories of a hub outside, and those kept here."""

    def __init__(self, kept: Repos, source: Source, arrivals: Arrivals) -> None:
        self._kept, self._source, self._arrivals = kept, source, arrivals
        self._heard: OrderedDict[tuple[str, str], _Heard] = OrderedDict()
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def names(self) -> Sequence[str]:
        return self._kept.names()

    def find(self, name: str, revision: str | None = None) -> Repo | None:
        """Return the repository as the hub outside has it, or as it is kept where that is gone.

        Raises Refusal where the hub outside refuses, HubUnreachable where nothing is kept either.
        """
        kept = self._kept.find(name)
        try:
            listing = self._listing(name, revision or "main")
        except OstlerError as error:
            if kept or isinstance(error, ModelNotFound | AuthRequired | BadRef):
                return kept
            raise
        return self._merged(kept, listing, revision or "main")

    def renamed(self, name: str) -> str | None:
        known = self._kept.renamed(name)
        if known:
            return known
        try:
            found = self._listing(name, "main").name
        except OstlerError:
            return None
        return found if found != name else None

    def bring(self, repo: Repo, snapshot: Snapshot, file: HubFile) -> Arrival:
        """Return the file as it arrives; one download, however many ask."""
        listing = self._listing(repo.name, snapshot.commit)
        named = {one.path: one for one in listing.files}.get(file.path)
        if named is None:
            raise refusals.entry_not_found(file.path, snapshot.commit)
        branches = [ref for ref, commit in repo.branches.items() if commit == snapshot.commit]
        return self._arrivals.bring(
            replace(listing, revision=branches[0] if branches else None), named
        )

    def _listing(self, name: str, revision: str) -> Listing:
        """Return what the hub outside lists; a commit never changes, a branch may soon."""
        now = time.monotonic()
        with self._lock:
            heard = self._heard.get((name, revision))
            if heard and (hashes.COMMIT.fullmatch(revision) or now - heard.when < FRESH):
                return heard.listing
            if now < self._silent_until:
                raise HubUnreachable("The hub outside did not answer just now.")
        try:
            listing = self._source.listing(parse(f"{name}@{revision}"))
        except HubUnreachable:
            self._silent_until = now + OUTAGE
            raise
        paths.refuse_unsafe(file.path for file in listing.files)
        with self._lock:
            for known in {revision, listing.commit}:
                self._heard[(name, known)] = _Heard(listing, now)
            while len(self._heard) > REMEMBERED:
                self._heard.popitem(last=False)
        return listing

    def _merged(self, kept: Repo | None, listing: Listing, revision: str) -> Repo:
        here = kept.snapshots.get(listing.commit) if kept else None
        snapshot = _snapshot(listing, here.files if here else {})
        branches = dict(kept.branches) if kept else {"main": listing.commit}
        tags = dict(kept.tags) if kept else {}
        if revision == "main":
            branches["main"] = listing.commit
        elif revision != listing.commit:
            tags[revision] = listing.commit
        return Repo(
            listing.name,
            {**(kept.snapshots if kept else {}), listing.commit: snapshot},
            branches,
            tags,
            gated=listing.gated,
            private=listing.private,
        )


def _snapshot(listing: Listing, here: Mapping[str, HubFile]) -> Snapshot:
    """Return the commit as it is listed; of its files those that are kept under it are `here`."""
    files = {
        file.path: here.get(file.path) or _absent(file)
        for file in sorted(listing.files, key=lambda one: one.path)
    }
    said = {"license": listing.licence, "pipeline_tag": listing.task}
    card = {key: value for key, value in said.items() if value}
    return Snapshot(
        listing.commit,
        files,
        folders=git.trees({path: file.oid for path, file in files.items()}),
        modified=0.0,
        card=card,
        tags=tuple(dict.fromkeys((*listing.tags, *cards.tags(card, files)))),
    )


def _absent(file: RemoteFile) -> HubFile:
    if file.sha256:
        oid = git.pointer_id(file.sha256, file.size)
        return HubFile(file.path, file.size, oid, None, file.sha256)
    return HubFile(file.path, file.size, file.git_sha1 or "", None)
