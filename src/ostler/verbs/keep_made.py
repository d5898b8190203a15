"""Keep a model that was made here: its files taken in, its manifest last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ostler.core import adopting
from ostler.core.naming import Named
from ostler.nouns import KeptFile, Manifest
from ostler.store import Store
from ostler.verbs import intake
from ostler.verbs.inspect import check_header
from ostler.version import __version__


def keep(named: Named, name: str, made_by: str, result: Path, store: Store) -> Manifest:
    """Take the result in and register it last, with what it was made from and by what."""
    original = named.manifest
    made = f"{original.source}:{original.name}@{original.commit}#{named.variant.name}"
    bases = (f"base_model:{original.name}", f"base_model:quantized:{original.name}")
    with store.pulling(name):
        places = sorted(path for path in result.rglob("*") if path.is_file())
        files = tuple(_kept(path, result, store) for path in places)
        return store.register(
            Manifest(
                source="hf",
                name=name,
                commit=adopting.made_commit(files),
                files=files,
                revisions=("main",),
                licence=original.licence,
                gated=original.gated,
                private=original.private,
                task=original.task,
                tags=tuple(dict.fromkeys((*original.tags, *bases))),
                pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
                tool=f"ostler {__version__} quantize",
                derived_from=made,
                made_by=made_by,
            )
        )


def _kept(path: Path, result: Path, store: Store) -> KeptFile:
    size = path.stat().st_size
    name = path.relative_to(result).as_posix()
    blank = KeptFile(name, size, "", "wanted" if size < adopting.GIT_LIMIT else None)
    digest = intake.digest_of(path, blank)
    file = KeptFile(name, size, digest.sha256, digest.git_sha1, digest.blocks)
    if not store.blobs.has(file.sha256, size):
        path.chmod(0o444)
        file = replace(intake.link(path, store, file, check=check_header), blocks=digest.blocks)
    return file
