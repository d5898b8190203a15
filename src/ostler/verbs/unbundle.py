"""Take in a bundle from a stream: nothing of it is trusted, and one pass is enough.

The texts come first and say which contents follow. A content goes into quarantine while it is
hashed, and no model is registered before all of its contents are proven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from ostler.core import bundles, copying, tar
from ostler.core.copying import CopyPlan
from ostler.errors import ChecksumMismatch, CorruptFile
from ostler.nouns import KeptFile, Manifest
from ostler.store import Store
from ostler.verbs import intake
from ostler.verbs.archive import require_room
from ostler.verbs.intake import READ_SIZE, Check
from ostler.verbs.progress import Report, Step, Tally, silent


class Incoming:
    """A bundle on its way in: first its models, then their contents."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the texts. Raises CorruptFile, UnsafePath, ChecksumMismatch."""
        self._stream = stream
        self.models = self._texts()
        self._files = {file.sha256: file for one in self.models for file in one.files}
        self._refuse_disputed()

    def plan(self, store: Store) -> CopyPlan:
        """Return what is new here, and whether it fits.

        Raises ChecksumMismatch where a model is kept here, at the same commit, with other bytes.
        """
        for model in self.models:
            copying.refuse_disputed(store.get(model.source, model.name, model.commit), model)
        return copying.copy_plan(self.models, dict(store.blobs.all()), store.disk())

    def carry_out(
        self,
        plan: CopyPlan,
        store: Store,
        *,
        check: Check | None = None,
        report: Report = silent,
    ) -> tuple[Manifest, ...]:
        """Keep what is new and register the models last.

        Raises InsufficientDisk before the first byte, ChecksumMismatch, CorruptFile;
        no model of the bundle is registered then, and what was proven is not needed again.
        """
        require_room(plan, str(store.home))
        tally = Tally(sum(file.size for file in self._files.values()), report)
        with ExitStack() as held:
            for name in sorted({one.name for one in self.models}):
                held.enter_context(store.pulling(name))
            came = self._contents(store, check, tally)
            for file in self._files.values():
                if file.sha256 not in came and not store.blobs.has(file.sha256, file.size):
                    raise _cut(f"{file.path} is not in it")
            return tuple(store.register(_as_ours(one, came)) for one in self.models)

    # --- the stream -----------------------------------------------------------------------

    def _texts(self) -> tuple[Manifest, ...]:
        first = self._text(bundles.LAYOUT_NAME, bundles.LARGEST_INDEX)
        if b"imageLayoutVersion" not in first:
            raise _cut("it is no OCI image layout")
        wanted = bundles.listed(self._text(bundles.INDEX_NAME, bundles.LARGEST_INDEX))
        configs: dict[str, int] = {}
        models: list[Manifest] = []
        room = bundles.LARGEST_TEXT  # bytes for all texts together
        while wanted or configs:
            entry = self._next()
            if entry is None:
                raise _cut("it ends before its contents begin")
            sha256 = bundles.digest_in(entry.name)
            group = wanted if sha256 in wanted else configs
            room -= entry.size
            if group.get(sha256) != entry.size or room < 0:
                raise _cut("its manifests do not come first, are too large, or have other sizes")
            text = self._proven(entry, sha256)
            del group[sha256]
            if group is wanted:
                configs.update([bundles.config_of(text)])
            else:
                models.append(bundles.model_of(text))
        if not models:
            raise _cut("it holds no model")
        return tuple(models)

    def _text(self, name: str, limit: int) -> bytes:
        entry = self._next()
        if entry is None or entry.name != name or entry.size > limit:
            raise _cut(f"{name} is not where it must be, or too large")
        return self._content(entry)

    def _proven(self, entry: tar.Entry, sha256: str) -> bytes:
        text = self._content(entry)
        if hashlib.sha256(text).hexdigest() != sha256:
            raise ChecksumMismatch(
                f"A manifest in the bundle does not have its hash {sha256}.",
                hint="Nothing was imported. Fetch the file again.",
            )
        return text

    def _content(self, entry: tar.Entry) -> bytes:
        """Return a small member; its size was held against a limit before."""
        text = b"".join(self._bytes(entry))
        self._read(entry.padding)
        return text

    def _contents(self, store: Store, check: Check | None, tally: Tally) -> dict[str, KeptFile]:
        came: dict[str, KeptFile] = {}
        seen: set[str] = set()
        while (entry := self._next()) is not None:
            sha256 = bundles.digest_in(entry.name)
            file = self._files.get(sha256)
            if file is None or entry.size != file.size or sha256 in seen:
                raise _cut(f"{entry.name} is named by no model, comes twice or has another size")
            seen.add(sha256)
            if store.blobs.has(sha256, file.size):
                for _ in self._bytes(entry):
                    pass
            else:
                came[sha256] = self._keep(store, file, entry, check, tally)
            self._read(entry.padding)
            tally.say(Step.DONE, file.path, file.size, file.size)
        return came

    def _keep(
        self, store: Store, file: KeptFile, entry: tar.Entry, check: Check | None, tally: Tally
    ) -> KeptFile:
        done = 0

        def said(count: int) -> None:
            nonlocal done
            done += count
            tally.say(Step.PROGRESS, file.path, done, file.size)

        content = self._bytes(entry)
        return intake.receive(store, file, content, origin="the bundle", check=check, said=said)

    def _next(self) -> tar.Entry | None:
        while True:
            entry = tar.entry(self._read(tar.BLOCK))
            if entry is None or entry.name:
                return entry

    def _bytes(self, entry: tar.Entry) -> Iterator[bytes]:
        left = entry.size
        while left:
            chunk = self._read(min(left, READ_SIZE))
            left -= len(chunk)
            yield chunk

    def _read(self, count: int) -> bytes:
        """Return exactly so many bytes. Raises CorruptFile where the stream ends before."""
        got = b""
        while len(got) < count:
            piece = self._stream.read(count - len(got))
            if not piece:
                raise _cut("it ends too early")
            got = got + piece if got else piece
        return got

    def _refuse_disputed(self) -> None:
        """Refuse one content under two sizes: one of the two models lies."""
        for model in self.models:
            for file in model.files:
                if self._files[file.sha256].size != file.size:
                    raise _cut(f"two models state different sizes for {file.path}")


def _as_ours(manifest: Manifest, came: dict[str, KeptFile]) -> Manifest:
    """Return the manifest with the block hashes that we made, none that the bundle claims.

    The hub's address goes too: a repair would ask it, and with the user's token.
    """
    files = tuple(
        replace(file, blocks=came[file.sha256].blocks if file.sha256 in came else "")
        for file in manifest.files
    )
    return replace(manifest, files=files, origin="")


def _cut(why: str) -> CorruptFile:
    return CorruptFile(
        f"This is not a bundle, or it is damaged: {why}.",
        hint="No model was registered. Fetch the file again; proven contents are not needed twice.",
        reason=why,
    )
