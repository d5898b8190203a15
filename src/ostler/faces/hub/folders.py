"""Repositories from a plain folder: DIR/<org>/<name>/files.

The commit follows from the content: another byte anywhere is another commit. Names that begin
with a dot are never served, nor is anything that a link leads to outside of DIR. `.hub.json`
in a repository says what its files cannot: that it is gated or private, was renamed, has tags.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from ostler.core import cards, git
from ostler.errors import UsageError
from ostler.faces.hub.hashes import HashMemory
from ostler.faces.hub.repos import HubFile, Repo, Snapshot

# Files that the Hub's own .gitattributes keeps as large, and any file over the size that
# the Hub accepts in git itself (10 MiB).
LARGE_ENDINGS = (
    ".bin", ".ckpt", ".ftz", ".gguf", ".h5", ".mlmodel", ".model", ".msgpack", ".npy", ".npz",
    ".onnx", ".ot", ".parquet", ".pb", ".pickle", ".pkl", ".pt", ".pth", ".safetensors",
    ".tar", ".tflite", ".zip",
)  # fmt: skip
LARGE_SIZE = 10 * 1024 * 1024
NOTES = ".hub.json"

Found = tuple[str, str, os.stat_result]  # path in the repository, real path, its stat


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `.hub.json` may say. `refs` names tags: "" is the repository itself, otherwise a
    folder in it with that tag's files, such as ".v1"."""

    gated: Literal["auto", "manual"] | None = None
    private: bool = False
    renamed_from: tuple[str, ...] = ()
    refs: dict[str, str] = {}


class FolderRepos:
    """The repositories under one folder, as they are at each moment."""

    def __init__(self, root: Path, remembered: Path | None = None) -> None:
        """`remembered` is a file outside of `root` that keeps hashes across restarts."""
        self.root = os.path.realpath(root)
        if not os.path.isdir(self.root):
            raise UsageError(
                f"{root} is not a folder.", hint="Give a folder laid out as <org>/<name>/files."
            )
        self._hashes = HashMemory(remembered)
        self._built: dict[str, tuple[object, Snapshot]] = {}

    def names(self) -> list[str]:
        with _readable():
            return [
                f"{owner}/{name}" for owner in self._folders("") for name in self._folders(owner)
            ]

    def find(self, name: str, revision: str | None = None) -> Repo | None:
        """Return the repository. Raises UsageError where a file of it cannot be read."""
        if name not in self.names():
            return None
        with _readable():
            notes = self._notes(name)
            main = self._snapshot(name, "")
            tagged = {tag: self._snapshot(name, folder) for tag, folder in notes.refs.items()}
            self._hashes.save()
        snapshots = {one.commit: one for one in (main, *tagged.values())}
        tags = {tag: snapshot.commit for tag, snapshot in tagged.items()}
        return Repo(
            name, snapshots, {"main": main.commit}, tags, gated=notes.gated, private=notes.private
        )

    def renamed(self, name: str) -> str | None:
        names = self.names()
        with _readable():
            return next((one for one in names if name in self._notes(one).renamed_from), None)

    def prepare(self, begun: Callable[[str], None] = lambda name: None) -> None:
        """Hash every file that is not remembered, so that the first client need not wait.

        `begun` is told each repository's name. Raises UsageError on what cannot be served.
        """
        for name in self.names():
            begun(name)
            self.find(name)

    def _folders(self, parent: str) -> list[str]:
        place = os.path.join(self.root, parent)
        return sorted(
            entry.name
            for entry in os.scandir(place)
            if not entry.name.startswith(".")
            and entry.is_dir()
            and self._inside(os.path.realpath(entry.path))
        )

    def _inside(self, real: str) -> bool:
        return real.startswith(self.root + os.sep)

    def _notes(self, name: str) -> Notes:
        place = Path(self.root, name, NOTES)
        try:
            return msgspec.json.decode(place.read_bytes(), type=Notes)
        except FileNotFoundError:
            return Notes()
        except msgspec.DecodeError as error:
            raise UsageError(f"{place} is malformed: {error}.") from None

    def _snapshot(self, name: str, folder: str) -> Snapshot:
        home = os.path.realpath(os.path.join(self.root, name))
        place = os.path.realpath(os.path.join(home, folder))
        if place != home and not place.startswith(
            home + os.sep
        ):  # it may be another's private repo
            raise UsageError(f"{name}/{NOTES} names a tag outside of its repository: {folder}.")
        found = sorted(self._walk(place, "", ()), key=lambda one: one[0])
        now = [(path, s.st_size, s.st_mtime_ns, s.st_ino) for path, _, s in found]
        built = self._built.get(place)
        if built is None or built[0] != now:
            built = (now, self._build(found))
            self._built[place] = built
        return built[1]

    def _walk(self, place: str, prefix: str, above: tuple[str, ...]) -> Iterator[Found]:
        real = os.path.realpath(place)
        if not self._inside(real) or real in above:  # links out, links in circles
            return
        for entry in os.scandir(real):
            if entry.name.startswith(".") or not _sayable(entry.name):
                continue
            if entry.is_dir():
                yield from self._walk(entry.path, f"{prefix}{entry.name}/", (*above, real))
                continue
            target = os.path.realpath(entry.path)
            if self._inside(target) and os.path.isfile(target):
                yield f"{prefix}{entry.name}", target, os.stat(target)

    def _build(self, found: list[Found]) -> Snapshot:
        files = {path: self._file(path, real, info) for path, real, info in found}
        folders = git.trees({path: file.oid for path, file in files.items()})
        card = _card(files.get("README.md"))
        modified = max((info.st_mtime for _, _, info in found), default=0.0)
        commit = git.commit_id(folders[""])
        return Snapshot(commit, files, folders, modified, card, cards.tags(card, files))

    def _file(self, path: str, real: str, info: os.stat_result) -> HubFile:
        if info.st_size < LARGE_SIZE and not path.endswith(LARGE_ENDINGS):
            return HubFile(path, info.st_size, self._hashes.git_sha1(real, info), real)
        sha256 = self._hashes.sha256(real, info)
        return HubFile(path, info.st_size, git.pointer_id(sha256, info.st_size), real, sha256)


def _card(readme: HubFile | None) -> dict[str, object]:
    if readme is None or readme.location is None:
        return {}
    with open(readme.location, encoding="utf-8", errors="replace") as file:
        return cards.front_matter(file.read(cards.MAX_FRONT_MATTER))


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read: {error.strerror}.",
            hint="Let this user read every file that is served, or move it out of the folder.",
        ) from None


def _sayable(name: str) -> bool:
    """Say whether a name can stand in an answer and in an address: text, on one line."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(letter) < 32 or ord(letter) == 127 for letter in name)
