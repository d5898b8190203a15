"""What a model is, read from its own files: kept here, or still on a hub.

Only headers and a few small JSON files are read, so a model on a hub is known before a byte of
its weights is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ostler.core.facts import facts
from ostler.core.headers import READERS, NeedMore, begin, read
from ostler.errors import CorruptFile, DamagedModel, FileNotInRepo
from ostler.nouns import (
    Format,
    KeptFile,
    Listing,
    Manifest,
    ModelFacts,
    RemoteFile,
    TensorTable,
    Variant,
)
from ostler.ports import Source
from ostler.store import Store

FIRST_READ = 128 * 1024  # bytes; holds the header of most shards
SPARING_READ = 24 * 1024  # the same where bytes count more than round trips
ENOUGH = 1_500_000  # bytes of headers that size a model: the rest of 2 MB is for small files
GROWTH = 4  # each further read reaches so many times as far
LARGEST_JSON = 32 * 2**20  # bytes; the largest tokenizer_config.json known has 2 MB
FORMATS = {".gguf": Format.GGUF, ".safetensors": Format.SAFETENSORS}
TEMPLATES = ("chat_template.jinja", "chat_template.json")


def kept_facts(store: Store, manifest: Manifest, variant: Variant) -> ModelFacts:
    """Return the facts of a kept model. Raises CorruptFile, DamagedModel."""
    return _facts(_Kept(store, manifest), variant)


def kept_tables(store: Store, manifest: Manifest, variant: Variant) -> list[TensorTable]:
    """Return the headers of a kept model's weight files. Raises CorruptFile, DamagedModel."""
    headers = variant.files if variant.format in READERS else ()
    return _tables(_Kept(store, manifest), variant.format, headers, None)[0]


def table_of(place: Path, format: Format) -> TensorTable:
    """Return the header of a weight file that lies at `place`. Raises CorruptFile."""
    table, _ = _table(
        _OnDisk({place.name: place}, {place.name: place.stat().st_size}), format, place.name
    )
    assert table is not None  # all of it was read
    return table


def folder_facts(folder: Path, variant: Variant) -> ModelFacts:
    """Return the facts of a model that lies in a folder. Raises CorruptFile, FileNotInRepo."""
    places = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    places = {name: path for name, path in places.items() if path.is_file()}
    return _facts(
        _OnDisk(places, {name: path.stat().st_size for name, path in places.items()}), variant
    )


def remote_facts(
    source: Source, listing: Listing, variant: Variant, most: int | None = None
) -> ModelFacts:
    """Return the facts of a model on a hub, by range reads of headers and small files.

    Where the headers are longer than `most` bytes, no more than that is read of them, and what
    then stays unknown is said. Raises CorruptFile, and what the source raises.
    """
    return _facts(_Remote(source, listing), variant, most)


def check_header(path: str, place: Path) -> None:
    """Read the header of a weight file that lies at `place`; other files pass.

    `path` is its name in the repository. Raises CorruptFile with the reason.
    """
    format = FORMATS.get(Path(path).suffix.lower())
    if format:
        size = place.stat().st_size
        _table(_OnDisk({path: place}, {path: size}), format, path)


class _Files(Protocol):
    """A repository's files, wherever they are."""

    sizes: Mapping[str, int]

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes of one file from `start` to before `end`."""
        ...


class _OnDisk:
    """Files at known places."""

    def __init__(self, places: Mapping[str, Path], sizes: Mapping[str, int]) -> None:
        self.places, self.sizes = places, sizes

    def read(self, path: str, start: int, end: int) -> bytes:
        with self.places[path].open("rb") as file:
            file.seek(start)
            return file.read(end - start)


class _Kept(_OnDisk):
    """The files of a kept model. A missing blob is the store's damage, not the file's."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        files: dict[str, KeptFile] = {file.path: file for file in manifest.files}
        places = {path: store.blob_path(file.sha256) for path, file in files.items()}
        super().__init__(places, {path: file.size for path, file in files.items()})
        self.name = manifest.name

    def read(self, path: str, start: int, end: int) -> bytes:
        try:
            return super().read(path, start, end)
        except OSError as error:
            raise DamagedModel(
                f"{path} of {self.name} cannot be read: {error.strerror}.",
                hint=f"ostler verify {self.name}",
                path=path,
            ) from None


class _Remote:
    """The files of a repository on a hub."""

    def __init__(self, source: Source, listing: Listing) -> None:
        self.source, self.listing = source, listing
        self.files: dict[str, RemoteFile] = {file.path: file for file in listing.files}
        self.sizes: Mapping[str, int] = {path: file.size for path, file in self.files.items()}

    def read(self, path: str, start: int, end: int) -> bytes:
        """Read a range; a server that ignores it sends from the file's beginning."""
        got = bytearray()
        with self.source.open(self.listing, self.files[path], start, end) as body:
            wanted = end - body.start
            for chunk in body.chunks():
                got += chunk
                if len(got) >= wanted:
                    break
            return bytes(got[start - body.start : wanted])


def _facts(files: _Files, variant: Variant, most: int | None = None) -> ModelFacts:
    absent = [path for path in variant.files if path not in files.sizes]
    if absent:
        raise FileNotInRepo(f"{absent[0]} is not among the model's files.", path=absent[0])
    headers = variant.files if variant.format in READERS else ()
    tables, whole = _tables(files, variant.format, headers, most)
    return facts(
        variant.format,
        tables,
        _json(files, "config.json", dict),
        tokenizer_config=_json(files, "tokenizer_config.json", dict),
        modules=_json(files, "modules.json", list),
        chat_template=any(name in files.sizes for name in TEMPLATES),
        weight_bytes=sum(files.sizes[path] for path in variant.files),
        whole=whole,
    )


def _tables(
    files: _Files, format: Format, paths: Sequence[str], most: int | None
) -> tuple[list[TensorTable], bool]:
    """Return the headers of these files, and whether `most` bytes were enough for all of them."""
    found: list[TensorTable] = []
    left = most
    for path in paths:
        table, read = _table(files, format, path, left)
        if left is not None:
            left = max(left - read, 0)
        if table is None:
            return found, False
        found.append(table)
        if format is Format.GGUF and not table.tensors and left is not None:
            return found, False
    return found, True


def _table(
    files: _Files, format: Format, path: str, most: int | None = None
) -> tuple[TensorTable | None, int]:
    """Read as much of a file as its header takes, and return it with the bytes that took.

    Where it takes more than `most`: of GGUF what its beginning says, of safetensors nothing.
    """
    size, prefix = files.sizes[path], b""
    end = min(FIRST_READ if most is None else SPARING_READ, size)
    while True:
        if most is not None and end > most:
            begun = begin(prefix, size) if format is Format.GGUF and prefix else None
            return begun, len(prefix)
        prefix += files.read(path, len(prefix), end)
        if len(prefix) < end:
            raise _damaged(path, f"it ends after {len(prefix):,} of {size:,} bytes")
        try:
            found = read(format, prefix, size)
        except CorruptFile as error:
            raise _damaged(path, error.facts["reason"]) from None
        if not isinstance(found, NeedMore):
            return found, len(prefix)
        grown = found.bytes if format is Format.SAFETENSORS else GROWTH * end
        end = min(max(found.bytes, grown), size)


def _json(files: _Files, path: str, kind: type) -> Any:
    """Return a small JSON file's content; None where there is no such file."""
    size = files.sizes.get(path)
    if size is None:
        return None
    if size > LARGEST_JSON:
        raise _damaged(path, f"it has {size:,} bytes, and {LARGEST_JSON:,} are plenty")
    try:
        content = json.loads(files.read(path, 0, size))
    except (ValueError, RecursionError):
        raise _damaged(path, "it is not JSON") from None
    if not isinstance(content, kind):
        raise _damaged(path, f"it must be a JSON {'object' if kind is dict else 'array'}")
    return content


def _damaged(path: str, reason: str) -> CorruptFile:
    return CorruptFile(
        f"{path} is not what its format says: {reason}.",
        hint="Nothing was changed. Tell the repository's owner, or choose another variant.",
        path=path,
        reason=reason,
    )
