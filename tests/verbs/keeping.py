"""A small model in a store, for tests of what happens to kept models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

from ostler.nouns import KeptFile, Manifest
from ostler.store import Store
from ostler.verbs import intake

COMMIT, OTHER = "a" * 40, "b" * 40
CONTENTS = {
    "README.md": b"---\nlicense: mit\npipeline_tag: text-generation\n---\n# tiny",
    "config.json": b"{}",
    "tokenizer.json": b"[]",
    "extra/model.bin": Random(1).randbytes(100_000),
}


def kept_file(path: str, content: bytes) -> KeptFile:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return KeptFile(path, len(content), hashlib.sha256(content).hexdigest(), git)


def keep(
    store: Store,
    contents: dict[str, bytes] = CONTENTS,
    name: str = "acme/tiny",
    commit: str = COMMIT,
    revisions: tuple[str, ...] = ("main",),
) -> Manifest:
    """Register a model with these contents."""
    files = []
    for path, content in sorted(contents.items()):
        file = kept_file(path, content)
        files.append(intake.receive(store, file, [content], origin="a test"))
    manifest = Manifest(
        "hf", name, commit, tuple(files), revisions, pulled_at="2026-01-01T00:00:00+00:00"
    )
    return store.register(manifest)


def whole(store: Store, manifest: Manifest) -> bool:
    """Say whether every byte of a model is in the store and right."""
    for file in manifest.files:
        intake.prove(store.blob_path(file.sha256), file)
    return True


def write(folder: Path, contents: dict[str, bytes] = CONTENTS) -> Path:
    """Write the contents as a plain folder."""
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder
