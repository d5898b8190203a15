"""Read every kept byte anew and compare it with its hash; ask whether the model is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from ostler.core import blocks, quants
from ostler.nouns import Damage, Format, KeptFile, Manifest, RemoteFile
from ostler.store import Store
from ostler.store.reading import Reading
from ostler.verbs.digest import Digest
from ostler.verbs.progress import Report, Step, Tally, silent

# Files hashed at once: one for each processor, as hashing frees the interpreter's lock. With more
# they take turns and the bytes just read grow cold; a disk is kept busy by reading ahead.
WORKERS = min(os.cpu_count() or 1, 16)

# One of these is what a tokenizer is loaded from, in any of the formats in use.
TOKENIZERS = {
    *("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"),
    *("sentencepiece.bpe.model", "tekken.json", "tiktoken.model", "tokenizer.tiktoken"),
}
# Beside these, weights are a Transformers model and need its config.json. Weights alone may be
# an adapter, a part of a pipeline or another program's, and nothing is asked of them.
OF_TRANSFORMERS = {
    *("model.safetensors.index.json", "generation_config.json", "tokenizer_config.json"),
    *TOKENIZERS,
}
# Architectures that read text, by the end of their names in Transformers.
OF_TEXT = ("ForCausalLM", "ForMaskedLM", "ForSequenceClassification", "ForConditionalGeneration")


def verify(store: Store, manifest: Manifest, report: Report = silent) -> tuple[Damage, ...]:
    """Return all that is wrong with a kept model; nothing where it is whole. Offline.

    Kinds: "missing" (a file or shard), "size", "hash", "unreadable", and "incomplete" for a
    configuration or tokenizer that the kept files show to be needed and nobody pulled. What
    `report` raises, or the keyboard, ends the reading of every file at its next piece.
    """
    tally, over = Tally(manifest.size, report), Event()
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="verify") as pool:
        try:
            found = list(pool.map(lambda file: _check(store, file, tally, over), manifest.files))
        finally:
            over.set()  # the pool waits for those that read
    damages = [one for one in found if one]
    return (*damages, *_incomplete(store, manifest, {one.path for one in damages}))


def _check(store: Store, file: KeptFile, tally: Tally, over: Event) -> Damage | None:
    """Compare one file's size and then its bytes with what the manifest says of them.

    Once it is `over` nobody waits for the answer.
    """
    digest = Digest(RemoteFile(file.path, file.size))
    try:
        with Reading(store.blob_path(file.sha256)) as blob:
            if blob.size != file.size:
                return Damage(file.path, "size", f"{file.size} bytes", f"{blob.size} bytes")
            for piece in blob.pieces():
                digest.update(piece)
                tally.say(Step.PROGRESS, file.path, digest.count, file.size)
                if over.is_set():
                    break
    except FileNotFoundError:
        return Damage(file.path, "missing", f"sha256 {file.sha256}", "no file")
    except OSError as error:
        return Damage(file.path, "unreadable", f"{file.size} bytes", str(error))
    if digest.sha256 != file.sha256:
        return Damage(file.path, "hash", file.sha256, digest.sha256, _first_bad(file, digest))
    tally.say(Step.DONE, file.path, digest.count, file.size)
    return None


def _first_bad(file: KeptFile, digest: Digest) -> int | None:
    """Return where the first wrong block begins; None where no block hashes were recorded."""
    wanted = blocks.expected(file.blocks, file.sha256, file.size)
    if not wanted:
        return None
    for number, (end, sha256) in enumerate(zip(blocks.ends(file.size), wanted, strict=True)):
        if digest.up_to(end) != sha256:
            return number * blocks.BLOCK
    return None


def _incomplete(store: Store, manifest: Manifest, damaged: set[str]) -> Iterator[Damage]:
    """Yield what the kept files promise and the manifest lacks."""
    kept = {file.path: file for file in manifest.files}
    choices = quants.variants(kept)
    lacking = {path for one in choices for path in one.missing}
    if any(one.format is Format.SAFETENSORS for one in choices):
        readable = {path: file for path, file in kept.items() if path not in damaged}
        lacking |= _named_by_index(store, readable.get("model.safetensors.index.json"))
        if "config.json" not in kept and kept.keys() & OF_TRANSFORMERS:
            yield Damage("config.json", "incomplete", "beside Transformers weights", "not pulled")
        text = "tokenizer_config.json" in kept or _reads_text(store, readable.get("config.json"))
        if text and not kept.keys() & TOKENIZERS:
            yield Damage("tokenizer.json", "incomplete", "the files of a tokenizer", "not pulled")
    for path in sorted(lacking - kept.keys()):
        yield Damage(path, "missing", "a shard that other files name", "not pulled")


def _named_by_index(store: Store, index: KeptFile | None) -> set[str]:
    """Return the files that an index of shards names; none where it is not such an index."""
    named = _json(store, index).get("weight_map")
    files = named.values() if isinstance(named, dict) else ()
    return {name for name in files if isinstance(name, str)}


def _reads_text(store: Store, config: KeptFile | None) -> bool:
    architectures = _json(store, config).get("architectures")
    names = architectures if isinstance(architectures, list) else []
    return any(str(name).endswith(OF_TEXT) for name in names)


def _json(store: Store, file: KeptFile | None) -> dict[str, Any]:
    """Return a kept JSON object; an empty one where the file is absent or something else."""
    try:
        content = json.loads(store.blob_path(file.sha256).read_bytes()) if file else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
