"""What is kept, for one who looks every second: only folders that have changed are read.

Whoever registers or forgets a model renews the store's stamp afterwards, so a look at a store in
which nothing has happened reads one small file. What comes without a stamp (a copy put back by
hand, an older Ostler) is found by the folders' mtimes, as manifests come and go by rename; all
folders are looked at as often as that stays cheap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ostler.core import hashes
from ostler.errors import OstlerError
from ostler.nouns import Manifest
from ostler.store.manifests import Manifests

STAMP = ".stamp"  # beside the sources' folders; what it says is another with every change
SETTLES = 2.5  # seconds; the coarsest mtimes, of FAT and of old network disks, are 2 apart
SPARES = 500  # times the CPU of a look at all folders pass until the next one without a new stamp
LONGEST = 30.0  # seconds between two such looks at most
Mark = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder as it was listed last."""

    mark: Mark  # another one once a name has come or gone
    since: float  # when this mark was first seen
    settled: bool  # listed so long after that a later change has another mark
    names: tuple[str, ...]
    manifests: tuple[Manifest, ...] = ()
    faults: tuple[str, ...] = ()


class Lookout:
    """The manifests of a store as they were at the last look. Not for several threads at once."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.found: tuple[Manifest, ...] = ()  # by name, then oldest first
        self.faults: tuple[str, ...] = ()  # what cannot be read; what it said before is in force
        self._root, self._clock = root, clock
        self._manifests = Manifests(root)
        self._folders: dict[str, _Folder] = {}
        self._stamp, self._due = b"", 0.0

    def look(self) -> bool:
        """Look again; say whether anything is other than at the last look."""
        stamp = self._stamp_now()  # before the folders: a change during the look has a newer one
        stamped, self._stamp = stamp != self._stamp, stamp
        if not stamped and self._clock() < self._due:
            return False
        began = time.thread_time()
        before, self._folders = self._folders, self._sweep(stamped)
        cost = time.thread_time() - began
        read = before.keys() != self._folders.keys() or any(
            one is not before[place] for place, one in self._folders.items()
        )
        rests = not read and all(one.settled for one in self._folders.values())
        self._due = self._clock() + min(SPARES * cost, LONGEST) if rests else 0.0
        return read and self._taken()

    def _taken(self) -> bool:
        folders = self._folders.values()
        found = sorted(
            (manifest for one in folders for manifest in one.manifests),
            key=lambda manifest: (manifest.name, manifest.pulled_at),
        )
        was = self.found, self.faults
        self.found = tuple(found)
        self.faults = tuple(sorted(fault for one in folders for fault in one.faults))
        return (self.found, self.faults) != was

    def _sweep(self, stamped: bool) -> dict[str, _Folder]:
        """Return every folder down to those of repositories: source, owner, name."""
        found: dict[str, _Folder] = {}
        level = [str(self._root)]
        for holds_manifests in (False, False, False, True):
            below = []
            for place in level:
                folder = self._folder(place, stamped, holds_manifests)
                if folder:
                    found[place] = folder
                    below += [f"{place}/{name}" for name in folder.names]
            level = below
        return found

    def _folder(self, place: str, stamped: bool, holds_manifests: bool) -> _Folder | None:
        before, now = self._folders.get(place), self._clock()
        try:
            fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)  # asks a network's disk, stat may not
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return before  # a disk that does not answer has lost nothing yet
        try:
            mark = _mark(os.fstat(fd))
            same = before is not None and before.mark == mark
            if before and same and not _again(before, now, stamped):
                return before
            names = tuple(os.listdir(fd))
        except OSError:
            return before
        finally:
            os.close(fd)
        since = before.since if before and same else now
        settled = now - since >= SETTLES
        if not holds_manifests:
            return _Folder(mark, since, settled, names)
        manifests, faults = self._read(Path(place), names, before)
        return _Folder(mark, since, settled and not faults, (), manifests, faults)

    def _read(
        self, folder: Path, names: tuple[str, ...], before: _Folder | None
    ) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
        known = {one.commit: one for one in before.manifests} if before else {}
        found: list[Manifest | None] = []
        faults = []
        source, owner, name = folder.parts[-3:]
        for stem in (one.removesuffix(".json") for one in names if one.endswith(".json")):
            if not hashes.COMMIT.fullmatch(stem):
                continue
            try:
                with suppress(FileNotFoundError):  # it was removed since the folder was listed
                    found.append(self._manifests.get(source, f"{owner}/{name}", stem))
            except OstlerError as error:
                faults.append(f"{error.what} {error.hint}")
                found.append(known.get(stem))
            except OSError as error:
                faults.append(f"{folder / stem}.json cannot be read: {error.strerror}.")
                found.append(known.get(stem))
        return tuple(one for one in found if one), tuple(faults)

    def _stamp_now(self) -> bytes:
        try:
            return (self._root / STAMP).read_bytes()
        except OSError:
            return b""


def renew(root: Path) -> None:
    """Say that a manifest came, went or changed; after it has.

    Where that cannot be written, the folders' mtimes tell it, if later.
    """
    # In place, not by rename: a network's disk asks about a file it has open, not about its name.
    with suppress(OSError):
        fd = os.open(root / STAMP, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, os.urandom(8).hex().encode(), 0)
        finally:
            os.close(fd)


def _mark(found: os.stat_result) -> Mark:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _again(folder: _Folder, now: float, stamped: bool) -> bool:
    """Say whether a folder with the mark it had is to be listed all the same."""
    return not folder.settled and (stamped or bool(folder.faults) or now - folder.since >= SETTLES)
