"""The header of a GGUF file (versions 2 and 3, little endian): metadata, then tensor infos.

Long arrays (a vocabulary has 150,000 texts) are passed over: only their length is kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ostler.core.dtypes import GGML_TYPES
from ostler.core.headers.prefix import NeedMore, corrupt, need
from ostler.nouns import Format, Tensor, TensorTable

DEFAULT_ALIGNMENT = 32
MAX_RANK = 4  # GGML_MAX_DIMS
MAX_NAME = 65_535  # the format's limit for keys
MAX_NESTING = 4  # arrays in arrays; no known file has any
KEPT_ELEMENTS = 1024  # per-layer settings are shorter, vocabularies longer
SMALLEST_PAIR, SMALLEST_TENSOR = 13, 24  # bytes

STRING, ARRAY = 8, 9
SMALLEST = {STRING: 8, ARRAY: 12}  # bytes of an empty one
NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
U32, U64 = NUMBERS[4], NUMBERS[10]


@dataclass(frozen=True, slots=True)
class SkippedArray:
    """An array too long to keep: `len()` is all that is known of it."""

    length: int

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class _Info:
    name: str
    type_id: int
    shape: tuple[int, ...]
    offset: int


class _Short(Exception):
    """The prefix ended: how long it must be."""

    def __init__(self, more: NeedMore) -> None:
        self.more = more


def read(prefix: bytes, file_size: int) -> TensorTable | NeedMore:
    """Return the table of a GGUF file; shapes are in GGML's order, fastest first.

    Tensors must follow each other without a gap, as llama.cpp demands. Bytes behind the last one
    are allowed, as it allows them. Raises CorruptFile.
    """
    try:
        return _Reader(prefix, file_size).table()
    except _Short as short:
        return short.more


def begin(prefix: bytes, file_size: int) -> TensorTable:
    """Return what a prefix of a GGUF file says: the settings before its vocabulary, no tensors.

    Writers put a model's sizes first and its vocabulary, of some megabytes, behind them. An array
    that the prefix cuts keeps its length. Raises CorruptFile.
    """
    reader = _Reader(prefix, file_size)
    metadata: dict[str, object] = {}
    try:
        reader.magic_and_version()
        reader.count(SMALLEST_TENSOR, "tensors")
        reader.metadata(reader.count(SMALLEST_PAIR, "metadata values"), metadata)
    except _Short:
        pass
    return TensorTable(Format.GGUF, (), metadata)


class _Reader:
    """A place in the prefix, moved forward by what is read."""

    def __init__(self, prefix: bytes, file_size: int) -> None:
        self.prefix, self.size, self.at = prefix, file_size, 0

    def table(self) -> TensorTable:
        self.magic_and_version()
        tensor_count = self.count(SMALLEST_TENSOR, "tensors")
        pair_count = self.count(SMALLEST_PAIR, "metadata values")
        metadata = self.metadata(pair_count)
        infos = [self.info() for _ in range(tensor_count)]
        alignment = _alignment(metadata)
        data_begin = -(-self.at // alignment) * alignment
        tensors = _tensors(infos, alignment, self.size - data_begin)
        return TensorTable(Format.GGUF, tensors, metadata, data_begin)

    def magic_and_version(self) -> None:
        if self.take(4) != b"GGUF":
            raise corrupt("it does not begin with 'GGUF'")
        version = self.number(U32)
        if version not in (2, 3):
            swapped = version & 0xFFFF == 0
            said = "big-endian" if swapped else f"GGUF version {version}"
            raise corrupt(f"it is {said}; versions 2 and 3, little-endian, can be read")

    def require(self, length: int) -> int:
        """Return the end of the next `length` bytes once the prefix reaches it."""
        end = self.at + length
        if more := need(end, self.prefix, self.size):
            raise _Short(more)
        return end

    def take(self, length: int) -> bytes:
        end = self.require(length)
        taken = self.prefix[self.at : end]
        self.at = end
        return taken

    def number(self, kind: struct.Struct) -> int:
        end = self.require(kind.size)
        (value,) = kind.unpack_from(self.prefix, self.at)
        self.at = end
        return value  # type: ignore[no-any-return]  # struct cannot tell the types apart

    def count(self, smallest: int, of: str) -> int:
        """Return a count that the rest of the file has room for, at `smallest` bytes each."""
        count = self.number(U64)
        if count * smallest > self.size - self.at:
            raise corrupt(f"it claims {count:,} {of}, more than the file has room for")
        return count

    def string(self) -> bytes:
        return self.take(self.count(1, "letters"))

    def name(self) -> str:
        name = self.string()
        if not 0 < len(name) <= MAX_NAME:
            raise corrupt(f"a name has {len(name):,} bytes")
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            raise corrupt(f"the name {name[:40]!r} is not UTF-8") from None

    def metadata(self, pairs: int, metadata: dict[str, object] | None = None) -> dict[str, object]:
        metadata = {} if metadata is None else metadata
        for _ in range(pairs):
            key = self.name()
            if key in metadata:
                raise corrupt(f"it says {key[:80]!r} twice")
            kind = self.number(U32)
            if kind == ARRAY:  # its length is known even where the prefix cuts it
                metadata[key] = SkippedArray(self.peeked())
            metadata[key] = self.value(kind)
        return metadata

    def peeked(self) -> int:
        """Return the length of the array that comes next, without moving."""
        end = self.require(U32.size + U64.size)
        length = int.from_bytes(self.prefix[end - U64.size : end], "little")
        return min(length, self.size)

    def value(self, kind: int, depth: int = 0) -> object:
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind == STRING:
            return self.string().decode("utf-8", "replace")
        if kind == ARRAY and depth < MAX_NESTING:
            return self.array(depth)
        raise corrupt(f"a metadata value has the unknown type {kind}")

    def array(self, depth: int) -> tuple[object, ...] | SkippedArray:
        kind = self.number(U32)
        smallest = NUMBERS[kind].size if kind in NUMBERS else SMALLEST.get(kind, 1)
        count = self.count(smallest, "array elements")
        if count <= KEPT_ELEMENTS:
            return tuple(self.value(kind, depth + 1) for _ in range(count))
        if kind in NUMBERS:
            self.at = self.require(count * smallest)
        elif kind == STRING:
            self.skip_strings(count)
        else:
            raise corrupt(f"an array of {count:,} arrays or of unknown things")
        return SkippedArray(count)

    def skip_strings(self, count: int) -> None:
        """Move over `count` strings; the loop is kept bare because vocabularies are long."""
        prefix, at, unpack = self.prefix, self.at, U64.unpack_from
        try:
            for _ in range(count):
                at += 8 + unpack(prefix, at)[0]
        except (struct.error, OverflowError):
            self.at = at
            self.require(8)  # raises: `at` lies behind the prefix
        self.at = at
        self.require(0)

    def info(self) -> _Info:
        name, rank = self.name(), self.number(U32)
        if rank > MAX_RANK:
            raise corrupt(f"{name[:80]!r} has {rank:,} dimensions, at most {MAX_RANK} are allowed")
        shape = tuple(self.number(U64) for _ in range(rank))
        return _Info(name, self.number(U32), shape, self.number(U64))


def _alignment(metadata: dict[str, object]) -> int:
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        raise corrupt(f"the alignment {str(alignment)[:40]} is not a power of two")
    return alignment


def _tensors(infos: list[_Info], alignment: int, data_size: int) -> tuple[Tensor, ...]:
    """Lay the tensors out and hold each against its stated offset and the file's end."""
    if len({info.name for info in infos}) != len(infos):
        raise corrupt("it names a tensor twice")
    tensors, expected = [], 0
    starts = [info.offset for info in infos]
    for info, end in zip(infos, [*starts[1:], data_size], strict=False):
        if info.offset != expected:
            raise corrupt(f"{info.name[:80]!r} is at {info.offset:,} and must be at {expected:,}")
        nbytes = _nbytes(info, end)
        if info.offset + nbytes > data_size:
            missing = info.offset + nbytes - data_size
            raise corrupt(f"the file lacks {missing:,} bytes of {info.name[:80]!r}")
        kind = GGML_TYPES.get(info.type_id)
        dtype = kind.name if kind else f"GGML type {info.type_id}"
        tensors.append(Tensor(info.name, dtype, info.shape, nbytes))
        expected = info.offset + -(-nbytes // alignment) * alignment
    return tuple(tensors)


def _nbytes(info: _Info, end: int) -> int:
    """Return the tensor's size; of an unknown type, the room up to the next tensor."""
    kind = GGML_TYPES.get(info.type_id)
    if kind is None:
        return max(end - info.offset, 0)
    elements = 1
    for dimension in info.shape:
        elements *= dimension
    row = info.shape[0] if info.shape else 1
    if row % kind.elements:
        raise corrupt(f"a row of {info.name[:80]!r} is no whole number of {kind.name} blocks")
    return elements // kind.elements * kind.size
