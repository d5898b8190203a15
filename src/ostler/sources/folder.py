"""A folder on this machine as a source: what lies in it is one model's repository.

Only regular files count. A link or a device in it is refused with a sentence: what a link leads
to is not what the user named. Names that begin with a dot are left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ostler.core import cards, git, paths
from ostler.core.streams import Stream
from ostler.errors import FileNotInRepo, ModelNotFound, OstlerError, RevisionNotFound, UnsafePath
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults

CHUNK = 1024 * 1024


class Folder:
    """The files below one folder."""

    def __init__(self, place: str) -> None:
        """`place` is what the user typed; `~` is the home folder."""
        self.root = Path(place).expanduser().absolute()

    @property
    def origin(self) -> str:
        return str(self.root)

    def listing(self, ref: ModelRef) -> Listing:
        """Return the folder as it is now, each file with its sha256; the commit follows from them.

        Every file is read once for that. Raises ModelNotFound, RevisionNotFound, UnsafePath.
        """
        if not self.root.is_dir():
            raise ModelNotFound(f"There is no folder {self.root}.", hint="Check the path.")
        found = sorted(self._walk(self.root, ""))
        if not found:
            raise ModelNotFound(f"{self.root} is empty.", hint="Name the folder with the files.")
        paths.refuse_unsafe(path for path, _ in found)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            hashes = list(pool.map(self._sha256, (path for path, _ in found)))
        files = tuple(
            RemoteFile(path, size, sha256=sha256)
            for (path, size), sha256 in zip(found, hashes, strict=True)
        )
        pointers = {file.path: git.pointer_id(file.sha256 or "", file.size) for file in files}
        commit = git.commit_id(git.trees(pointers)[""])
        if ref.revision not in (None, commit):
            raise RevisionNotFound(
                f"{self.root} is at {commit[:12]} and has no other revisions.",
                hint="Leave the revision out.",
            )
        card = self._card({file.path for file in files})
        return Listing(
            source="folder", name=ref.name, commit=commit, files=files,
            licence=cards.licence(card), task=cards.task(card), tags=cards.tags(card, pointers),
        )  # fmt: skip

    def _card(self, names: set[str]) -> dict[str, Any]:
        """Return what the README's head says of the model."""
        if cards.README not in names:
            return {}
        with os.fdopen(self._open(cards.README), "rb") as file:
            return cards.front_matter(file.read(cards.MAX_FRONT_MATTER).decode(errors="replace"))

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[Stream]:
        """Open a file's bytes from `start` to before `end`. Raises FileNotInRepo, UnsafePath."""
        fd = self._open(file.path)
        try:
            size = os.fstat(fd).st_size
            begin = start if start <= size else 0
            yield Stream(begin, size, _pieces(fd, begin, size if end is None else min(end, size)))
        finally:
            os.close(fd)

    def search(self, words: str, limit: int) -> SearchResults:
        """A folder is one model: there is nothing to search."""
        return SearchResults(())

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        with os.scandir(folder) as found:
            entries = list(found)
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                raise _refused(name, "it is a link")
            if entry.is_dir():
                yield from self._walk(Path(entry.path), f"{name}/")
            elif entry.is_file():
                yield name, entry.stat().st_size
            else:
                raise _refused(name, "it is neither a file nor a folder")

    def _open(self, path: str) -> int:
        """Open a file step by step, so that nothing put there meanwhile leads elsewhere."""
        paths.refuse_unsafe([path])
        *folders, name = path.split("/")
        at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = inner
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except FileNotFoundError:
            raise FileNotInRepo(f"{self.root} has no file {path}.", path=path) from None
        except OSError as error:
            raise _refused(path, (error.strerror or "it cannot be read").lower()) from None
        finally:
            os.close(at)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise _refused(path, "it is no regular file")
        return fd

    def _sha256(self, path: str) -> str:
        fd = self._open(path)
        with os.fdopen(fd, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _pieces(fd: int, start: int, end: int) -> Iterator[bytes]:
    at = start
    while at < end:
        piece = os.pread(fd, min(CHUNK, end - at), at)
        if not piece:
            return
        at += len(piece)
        yield piece


def _refused(path: str, why: str) -> OstlerError:
    return UnsafePath(
        f"{path} in the folder is refused: {why}.",
        hint="Put the file itself there, or leave it out of the folder.",
        path=path,
    )
