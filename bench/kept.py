"""A home with the shipped tiny GGUF models in it, made without a hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

import ostler
from ostler.core.naming import Named, served_names
from ostler.nouns import KeptFile, Manifest
from ostler.store import Store

SHIPPED = Path(ostler.__file__).parent / "testing/models/ostler"


def home(folder: Path) -> tuple[Store, tuple[Named, ...]]:
    """Keep every shipped GGUF model in `folder`; return the store and the models' names."""
    store = Store(folder)
    for repo in sorted(SHIPPED.glob("*-GGUF")):
        files = tuple(_keep(store, path) for path in sorted(repo.glob("*.gguf")))
        store.register(Manifest("hf", f"ostler/{repo.name}", "0" * 40, files, ("main",)))
    return store, served_names(store.models())


def _keep(store: Store, path: Path) -> KeptFile:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    blob = store.blob_path(sha256)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    return KeptFile(path.name, len(content), sha256)
