"""A git repository at an address: its tree names every file, LFS has the large ones.

git fetches one commit without its history and without large files (their pointers name size and
sha256). Links and submodules in the tree are refused.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ostler.core import cards, git, hashes, paths
from ostler.core.streams import Stream
from ostler.errors import (
    AuthRequired,
    FileNotInRepo,
    HubUnreachable,
    ModelNotFound,
    OstlerError,
    RevisionNotFound,
    UnsafePath,
    UsageError,
)
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.sources.git import program
from ostler.sources.git.lfs import Lfs

KINDS = {"120000": "it is a link", "160000": "it is another repository"}
UNREACHED = ("could not resolve", "failed to connect", "unable to access", "timed out", "refused")
UNKNOWN_CALLER = ("could not read username", "authentication failed", "error: 403")
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    oid: str
    size: int
    path: str


class GitRemote:
    """One repository. What git fetches of it lies in a folder of its own until `close`."""

    def __init__(self, url: str) -> None:
        if url.startswith("ssh://"):
            raise UsageError(
                "git LFS over ssh is not read here.",
                hint="Use the repository's https address.",
            )
        self.url = url
        self._lfs = Lfs(url)
        self._folder = Path(tempfile.mkdtemp(prefix="ostler-git-"))
        # at the end of the process too, for those who do not close
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._made = False

    @property
    def origin(self) -> str:
        return self.url

    def close(self) -> None:
        """Close the connections and remove what git fetched."""
        self._lfs.close()
        self._remove()

    def apart(self) -> GitRemote:
        """Return the same source with connections of its own, for one pull."""
        other = copy.copy(self)
        other._lfs = self._lfs.apart()
        return other

    def hang_up(self) -> None:
        """Break off what is on its way."""
        self._lfs.hang_up()

    def listing(self, ref: ModelRef) -> Listing:
        """Return the repository at the ref's revision, HEAD where it names none.

        Raises ModelNotFound, RevisionNotFound, UnsafePath, HubUnreachable, and
        EngineUnsupported where git is not installed.
        """
        commit, branch = self._commit(ref.revision)
        self._fetch(commit, ref.revision)
        entries = list(self._entries(commit))
        paths.refuse_unsafe(entry.path for entry in entries)
        card = self._card(entries)
        return Listing(
            source="git",
            name=ref.name,
            commit=commit,
            files=self._files(entries),
            revision=branch,
            licence=cards.licence(card),
            task=cards.task(card),
            tags=cards.tags(card, (entry.path for entry in entries)),
        )

    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Stream]:
        """Open a file's bytes from `start` to before `end`; the body says where it begins.

        Raises FileNotInRepo, AuthRequired, GatedRepo, HubUnreachable.
        """
        return self._lfs.open(file, start, end) if file.sha256 else self._blob(file, start, end)

    def search(self, words: str, limit: int) -> SearchResults:
        """A repository is one model: there is nothing to search."""
        return SearchResults(())

    def _commit(self, revision: str | None) -> tuple[str, str | None]:
        """Return the commit that is meant, and the branch or tag that led there."""
        if revision and hashes.COMMIT.fullmatch(revision):
            return revision, None
        said = self._git("ls-remote", "--symref", "--", self.url).decode(errors="replace")
        pairs = [line.split("\t", 1) for line in said.splitlines() if "\t" in line]
        found = {name: oid for oid, name in pairs}
        if revision is None:
            head = found.get("HEAD", "")
            branch = next((name for oid, name in pairs if oid.startswith("ref: ")), None)
            target = next((oid for oid, name in pairs if oid.startswith("ref: ")), "")
            if not hashes.COMMIT.fullmatch(head):
                raise ModelNotFound(f"{self.url} is an empty repository.")
            return head, target.removeprefix("ref: refs/heads/") if branch else None
        for name in (
            f"refs/heads/{revision}",
            f"refs/tags/{revision}^{{}}",
            f"refs/tags/{revision}",
        ):
            if hashes.COMMIT.fullmatch(found.get(name, "")):
                return found[name], revision
        raise self._no_revision(revision)

    def _fetch(self, commit: str, revision: str | None) -> None:
        if not self._made:
            self._git("init", "--quiet", "--bare", ".")
            self._made = True
        try:
            words = ("fetch", "--quiet", "--depth=1", "--no-tags", "--", self.url, commit)
            program.run(self._folder, *words)
        except program.GitFailed as failed:
            if revision == commit:
                raise self._no_revision(commit) from None
            raise self._refused(failed) from None

    def _entries(self, commit: str) -> Iterator[_Entry]:
        listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        for line in listed.split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, oid, size = about.decode().split()
            name = path.decode(errors="surrogateescape")
            if mode in KINDS:
                raise UnsafePath(
                    f"The repository's {name!r} is refused: {KINDS[mode]}.",
                    hint="Tell the owner of the repository; Ostler fetches nothing from it.",
                    path=name,
                )
            yield _Entry(oid, int(size), name)

    def _files(self, entries: list[_Entry]) -> tuple[RemoteFile, ...]:
        small = [entry.oid for entry in entries if entry.size <= git.LONGEST_POINTER]
        pointers = self._pointers(small)
        return tuple(
            RemoteFile(entry.path, pointers[entry.oid][1], sha256=pointers[entry.oid][0])
            if entry.oid in pointers
            else RemoteFile(entry.path, entry.size, git_sha1=entry.oid)
            for entry in entries
        )

    def _pointers(self, oids: list[str]) -> dict[str, tuple[str, int]]:
        """Return sha256 and size of those blobs that stand for a large file."""
        told = "".join(f"{oid}\n" for oid in oids).encode()
        printed, at = self._git("cat-file", "--batch", told=told), 0
        found: dict[str, tuple[str, int]] = {}
        for oid in oids:
            end = printed.index(b"\n", at)
            size = int(printed[at:end].split()[-1])
            pointer = git.read_pointer(printed[end + 1 : end + 1 + size])
            at = end + size + 2
            if pointer:
                found[oid] = pointer
        return found

    def _card(self, entries: list[_Entry]) -> dict[str, Any]:
        """Return what the README's head says of the model."""
        readme = next((entry.oid for entry in entries if entry.path == cards.README), None)
        if readme is None:
            return {}
        with program.printing(self._folder, "cat-file", "blob", readme) as printed:
            text = printed.read(cards.MAX_FRONT_MATTER)
        return cards.front_matter(text.decode(errors="replace"))

    @contextmanager
    def _blob(self, file: RemoteFile, start: int, end: int | None) -> Iterator[Stream]:
        oid = file.git_sha1 or ""
        try:
            program.run(self._folder, "cat-file", "-e", oid)
        except program.GitFailed:
            raise FileNotInRepo(f"{self.url} has no file {file.path}.", path=file.path) from None
        with program.printing(self._folder, "cat-file", "blob", oid) as printed:
            printed.read(start)
            stop = file.size if end is None else min(end, file.size)
            yield Stream(start, file.size, _pieces(printed, stop - start))

    def _git(self, *words: str, told: bytes = b"") -> bytes:
        try:
            return program.run(self._folder, *words, told=told)
        except program.GitFailed as failed:
            raise self._refused(failed) from None

    def _no_revision(self, revision: str) -> RevisionNotFound:
        what = f"{self.url} has no branch, tag or commit {revision!r}."
        return RevisionNotFound(what, hint=f"`git ls-remote {self.url}` lists them.")

    def _refused(self, failed: program.GitFailed) -> OstlerError:
        said = str(failed).removeprefix("fatal: ").rstrip(".")
        if any(words in said.lower() for words in UNREACHED) and "40" not in said:
            return HubUnreachable(f"{self.url} did not answer: {said}.", hint="Check the network.")
        if any(words in said.lower() for words in UNKNOWN_CALLER):
            login = "Let git keep a name and a password for it (gitcredentials(7))."
            what = f"{self.url} gives nothing to a caller it does not know, or is not there."
            return AuthRequired(what, hint=login)
        return ModelNotFound(
            f"{self.url} cannot be cloned: {said}.",
            hint="Check the address; a private one needs credentials that git knows.",
        )


def _pieces(printed: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (piece := printed.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece
