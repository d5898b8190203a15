"""The kept models in Hugging Face cache layout: links into the blobs, no second copy.

`HF_HUB_CACHE=<home>/views/hub` lets transformers, vLLM and llama.cpp find them offline.
"""

from __future__ import annotations

import os
from pathlib import Path

from ostler.nouns import Manifest
from ostler.store import durable
from ostler.store.blobs import Blobs


class Views:
    """`views/hub/models--org--name/{blobs,refs,snapshots}`; always derived from the manifests."""

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self.root, self.blobs = root, blobs

    def folder(self, manifest: Manifest) -> Path:
        """Return where a model's files are under their own names."""
        return self._repo(manifest) / "snapshots" / manifest.commit

    def make(self, manifest: Manifest) -> Path:
        """Bring the folder of a model in line with its manifest and return it."""
        place = durable.folder(self.folder(manifest))
        wanted = {file.path: self.blobs.path(file.sha256) for file in manifest.files}
        for link in place.rglob("*"):
            if link.is_symlink() and link.relative_to(place).as_posix() not in wanted:
                link.unlink()
        for path, blob in wanted.items():
            _link(place / path, blob)
        durable.folder(self._repo(manifest) / "blobs")  # where the Hub's client puts its own
        for name in manifest.revisions:
            self._point(self._repo(manifest) / "refs" / name, manifest.commit)
        return place

    def remove(self, manifest: Manifest) -> None:
        """Remove the folder of a model and the names that led to it."""
        _remove_tree(self.folder(manifest))
        for path in (self._repo(manifest) / "refs").rglob("*"):
            if path.is_file() and path.read_text().strip() == manifest.commit:
                path.unlink()
        if not any((self._repo(manifest) / "snapshots").glob("*")):
            _remove_tree(self._repo(manifest))

    def _repo(self, manifest: Manifest) -> Path:
        return self.root / f"models--{manifest.name.replace('/', '--')}"

    def _point(self, path: Path, commit: str) -> None:
        if path.is_dir():
            _remove_tree(path)  # a branch `a` where there was `a/b`: git allows only one of them
        for parent in path.parents:
            if parent.is_file():
                parent.unlink()
        if not path.exists() or path.read_text() != commit:
            durable.write(path, commit.encode())


def _remove_tree(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def _link(link: Path, blob: Path) -> None:
    """Make a relative link, so that the whole home can be moved; a right one is left alone."""
    target = os.path.relpath(blob, link.parent)
    if link.is_symlink() and os.readlink(link) == target:
        return
    durable.link(link, target)
