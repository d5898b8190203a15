"""Read every kept byte anew and compare it with its hash; ask whether the model is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ostler.core import quants
from ostler.nouns import Damage, Format, KeptFile, Manifest
from ostler.store import Store
from ostler.verbs.progress import Report, Step, Tally, silent

READ_SIZE = 1024 * 1024  # bytes
WORKERS = 4  # files hashed at once; hashing frees the interpreter's lock

# One of these is what a tokenizer is loaded from, in any of the formats in use.
TOKENIZERS = (
    *("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"),
    *("sentencepiece.bpe.model", "tekken.json", "tiktoken.model", "tokenizer.tiktoken"),
)


def verify(store: Store, manifest: Manifest, report: Report = silent) -> tuple[Damage, ...]:
    """Return all that is wrong with a kept model; nothing where it is whole. Offline.

    Kinds: "missing" (a file or shard), "size", "hash", "unreadable", and "incomplete" for a
    configuration or tokenizer that safetensors weights need and nobody pulled.
    """
    tally = Tally(manifest.size, report)
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="verify") as pool:
        found = list(pool.map(lambda file: _check(store, file, tally), manifest.files))
    damages = [one for one in found if one]
    return (*damages, *_incomplete(store, manifest, {one.path for one in damages}))


def _check(store: Store, file: KeptFile, tally: Tally) -> Damage | None:
    """Compare one file's size and then its bytes with what the manifest says of them."""
    sha256 = hashlib.sha256()
    done = 0
    buffer = bytearray(READ_SIZE)
    view = memoryview(buffer)
    try:
        with open(store.blob_path(file.sha256), "rb", buffering=0) as blob:
            size = os.fstat(blob.fileno()).st_size
            if size != file.size:
                return Damage(file.path, "size", f"{file.size} bytes", f"{size} bytes")
            while count := blob.readinto(buffer):
                sha256.update(view[:count])
                done += count
                tally.say(Step.PROGRESS, file.path, done, file.size)
    except FileNotFoundError:
        return Damage(file.path, "missing", f"sha256 {file.sha256}", "no file")
    except OSError as error:
        return Damage(file.path, "unreadable", f"{file.size} bytes", str(error))
    if sha256.hexdigest() != file.sha256:
        return Damage(file.path, "hash", file.sha256, sha256.hexdigest())
    tally.say(Step.DONE, file.path, done, file.size)
    return None


def _incomplete(store: Store, manifest: Manifest, damaged: set[str]) -> Iterator[Damage]:
    """Yield what the kept files promise and the manifest lacks."""
    names = {file.path for file in manifest.files}
    choices = quants.variants(names)
    lacking = {path for one in choices for path in one.missing}
    if any(one.format is Format.SAFETENSORS for one in choices):
        for file in manifest.files:
            if file.path == "model.safetensors.index.json" and file.path not in damaged:
                lacking |= _shards(store, file) - names
        if "config.json" not in names:
            yield Damage("config.json", "incomplete", "beside safetensors weights", "not pulled")
        if not names & set(TOKENIZERS):
            yield Damage("tokenizer.json", "incomplete", "a tokenizer's file", "not pulled")
    for path in sorted(lacking):
        yield Damage(path, "missing", "a shard that the others name", "not pulled")


def _shards(store: Store, index: KeptFile) -> set[str]:
    """Return the files that an index of shards names; none where it is not such an index."""
    try:
        named = json.loads(store.blob_path(index.sha256).read_bytes())["weight_map"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in named if isinstance(name, str)}
