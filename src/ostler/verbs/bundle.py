"""One file for machines without a network: models with their hashes, written as a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import BinaryIO

from ostler.core import bundles, tar
from ostler.core.bundles import Head
from ostler.errors import DamagedModel
from ostler.nouns import Manifest
from ostler.store import Store
from ostler.verbs import intake
from ostler.verbs.progress import Report, Step, Tally, silent


def plan(models: Sequence[Manifest]) -> Head:
    """Return what a bundle of these models would hold."""
    return bundles.head(models)


def carry_out(head: Head, store: Store, out: BinaryIO, report: Report = silent) -> int:
    """Write the bundle to a file, pipe or socket; return its bytes. Every content is proven.

    Raises DamagedModel where a kept file no longer has its hash: the bundle is then unfinished,
    and an import of it is refused.
    """
    count = 0
    tally = Tally(head.size, report)

    def put(piece: bytes | memoryview) -> None:
        nonlocal count
        out.write(piece)
        count += len(piece)

    for name, text in head.texts.items():
        put(tar.header(name, len(text)) + text + bytes(-len(text) % tar.BLOCK))
    for file in head.contents:
        put(tar.header(bundles.BLOBS + file.sha256, file.size))
        _content(store, file.sha256, file.size, put)
        put(bytes(-file.size % tar.BLOCK))
        tally.say(Step.DONE, file.path, file.size, file.size)
    put(tar.END)
    out.flush()
    return count


def _content(
    store: Store, sha256: str, size: int, put: Callable[[bytes | memoryview], None]
) -> None:
    digest, count = hashlib.sha256(), 0
    for chunk in intake.chunks(store.blob_path(sha256)):
        digest.update(chunk)
        count += len(chunk)
        put(chunk)
    if count != size or digest.hexdigest() != sha256:
        raise DamagedModel(
            f"{store.blob_path(sha256)} no longer has its hash; the bundle is unfinished.",
            hint="ostler verify says which model it belongs to.",
        )
