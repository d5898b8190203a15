"""Headers: what is written is read back; what is damaged is refused and nothing else."""

from __future__ import annotations

import contextlib
import json
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.dtypes import GGML_BY_NAME, SAFETENSORS_BITS
from ostler.core.headers import HEADER_LIMIT, NeedMore, read
from ostler.errors import CorruptFile
from ostler.nouns import Format, TensorTable
from ostler.testing import weightfiles

GGUF, SAFETENSORS = Format.GGUF, Format.SAFETENSORS
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
tensor_names = names.filter(lambda name: name != "__metadata__")
dimensions = st.lists(st.integers(0, 5), max_size=3).map(tuple)
sizes = st.lists(st.integers(1, 3), max_size=2)
aligned_bits = sorted(dtype for dtype, bits in SAFETENSORS_BITS.items() if bits % 8 == 0)
safe_tensors = st.lists(
    st.tuples(tensor_names, st.sampled_from(aligned_bits), dimensions),
    max_size=5,
    unique_by=lambda tensor: tensor[0],
)
ggml_tensors = st.lists(
    st.tuples(
        names, st.sampled_from(sorted(GGML_BY_NAME)), st.lists(st.integers(1, 3), max_size=2)
    ),
    max_size=5,
    unique_by=lambda tensor: tensor[0],
).map(
    lambda tensors: [
        (name, dtype, (GGML_BY_NAME[dtype].elements * 2, *shape)) for name, dtype, shape in tensors
    ]
)
scalars = st.one_of(
    st.tuples(st.just(4), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(1), st.integers(-128, 127)),
    st.tuples(st.just(7), st.booleans()),
    st.tuples(st.just(8), names),
    st.tuples(st.just(11), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(12), st.floats(allow_nan=False)),
)
numbers = st.lists(st.integers(0, 255), max_size=4)
arrays = st.one_of(
    st.tuples(st.just(8), st.lists(names, max_size=4)),
    st.tuples(st.just(5), st.lists(st.integers(-9, 9), max_size=4)),
    st.tuples(
        st.just(9), st.lists(st.tuples(st.just(0), st.lists(st.integers(0, 255))), max_size=3)
    ),
)
metadata_maps = st.dictionaries(
    names.map("x.".__add__), st.one_of(scalars, st.tuples(st.just(9), arrays)), max_size=5
)


def table_of(format: Format, raw: bytes) -> TensorTable:
    table = read(format, raw, len(raw))
    assert isinstance(table, TensorTable)
    return table


def plain(kind: int, what: object) -> object:
    """What a reader makes of a written value."""
    if kind != 9:
        return what
    element, items = what  # type: ignore[misc]
    return tuple(plain(element, item) for item in items)


def grow(format: Format, raw: bytes) -> TensorTable:
    """Read as a caller with a range-reading hub does: only what is asked for."""
    have, steps = 0, 0
    while True:
        answer = read(format, raw[:have], len(raw))
        if isinstance(answer, TensorTable):
            return answer
        assert have < answer.bytes <= len(raw)
        have, steps = answer.bytes, steps + 1


@given(safe_tensors, st.dictionaries(names, names, max_size=3))
def test_safetensors_is_read_back(tensors, metadata):
    raw = weightfiles.safetensors(tensors, metadata)
    table = table_of(SAFETENSORS, raw)
    assert {(t.name, t.dtype, t.shape) for t in table.tensors} == set(tensors)
    assert table.header_bytes + sum(t.nbytes for t in table.tensors) == len(raw)
    assert dict(table.metadata) == metadata
    assert grow(SAFETENSORS, raw) == table


@given(ggml_tensors, metadata_maps, st.sampled_from([8, 32, 64]), st.sampled_from([2, 3]))
def test_gguf_is_read_back(tensors, metadata, alignment, version):
    raw = weightfiles.gguf(tensors, metadata, alignment, version)
    table = table_of(GGUF, raw)
    assert [(t.name, t.dtype, t.shape) for t in table.tensors] == tensors
    for key, (kind, what) in metadata.items():
        assert table.metadata[key] == plain(kind, what)
    assert table.header_bytes % alignment == 0
    assert grow(GGUF, raw) == table


SMALL = {
    SAFETENSORS: weightfiles.safetensors([("a", "F32", (2, 3)), ("b", "BF16", (4,))], {"k": "v"}),
    GGUF: weightfiles.gguf(
        [("a", "F32", (4, 2)), ("b", "Q8_0", (32, 3))],
        {
            "general.architecture": (8, "llama"),
            "x.array": (9, (8, ["one", "two"])),
            "x.long": (9, (8, ["t"] * 1500)),
        },
    ),
}


@pytest.mark.parametrize("format", SMALL)
def test_a_file_cut_anywhere_is_refused(format):
    raw = SMALL[format]
    for size in range(len(raw)):
        if format is GGUF and len(raw) - size <= -3 * 34 % 32:
            continue  # only padding behind the last tensor (3 blocks of 34 bytes) is missing
        with pytest.raises(CorruptFile):
            read(format, raw[:size], size)


@pytest.mark.parametrize("format", SMALL)
def test_a_prefix_of_any_length_is_enough_or_asks_for_more(format):
    raw = SMALL[format]
    whole = table_of(format, raw)
    for length in range(len(raw)):
        answer = read(format, raw[:length], len(raw))
        if isinstance(answer, NeedMore):
            assert length < answer.bytes <= whole.header_bytes
        else:
            assert answer == whole


@pytest.mark.parametrize("format", SMALL)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_harmless(format, data):
    raw = bytearray(SMALL[format])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(raw) - 1, 400)))
        raw[place] = data.draw(st.integers(0, 255))
    for length in (len(raw), data.draw(st.integers(0, len(raw)))):
        try:
            answer = read(format, bytes(raw[:length]), len(raw))
        except CorruptFile:
            continue
        else:
            if isinstance(answer, NeedMore):
                assert length < answer.bytes <= len(raw)
            else:
                assert sum(tensor.nbytes for tensor in answer.tensors) <= len(raw)


@pytest.mark.parametrize("format", SMALL)
@given(st.binary(max_size=200))
def test_noise_is_refused_or_asks_for_more(format, noise):
    start = b"GGUF\x03\0\0\0" if format is GGUF else b""
    with contextlib.suppress(CorruptFile):
        read(format, start + noise, 10**12)


def wrong_safetensors(header: object, data: int = 4) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def entry(
    dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)
) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"a": entry("F99")}, "unknown type 'F99'"),
        ({"a": entry(["F32"])}, "unknown type"),
        ({"a": entry(shape=[-1])}, "not whole numbers"),
        ({"a": entry(shape=[True])}, "not whole numbers"),
        ({"a": entry(shape=[1] * 65)}, "not whole numbers"),
        ({"a": entry(shape=[2**64])}, "not whole numbers"),
        ({"a": entry(shape=[2])}, "4 bytes"),
        ({"a": entry(offsets=[4, 8])}, "leaves a gap"),
        ({"a": entry(), "b": entry()}, "overlaps"),
        ({"a": entry(offsets=[4, 0])}, "bytes"),
        ({"a": {"dtype": "F32"}}, "lacks"),
        ({"a": 3}, "lacks"),
        ({"__metadata__": {"k": 1}, "a": entry()}, "__metadata__"),
        ({}, "holds 4"),
        (b"[1]", "begin with"),
        (b"{" + b'"a":[' * 100_000, "not JSON"),
        (b'{"a":1,"a":1}', "twice"),
        (b"{\xff}", "not JSON"),
        (b"", "empty"),
    ],
)
def test_wrong_safetensors_says_why(header, reason):
    raw = wrong_safetensors(header)
    with pytest.raises(CorruptFile, match=reason):
        read(SAFETENSORS, raw, len(raw))


def numbered(count: int, pairs: int, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, count, pairs) + rest + bytes(200)


pair = weightfiles.string("k")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"GGML" + bytes(40), "begin with 'GGUF'"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(40), "version 1"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(40), "big-endian"),
        (numbered(2**60, 0), "tensors, more than"),
        (numbered(0, 2**60), "metadata values, more than"),
        (numbered(0, 1, struct.pack("<Q", 2**63)), "letters"),
        (numbered(0, 1, struct.pack("<Q", 0)), "a name has 0"),
        (numbered(0, 1, pair + struct.pack("<I", 99)), "unknown type 99"),
        (numbered(0, 1, pair + struct.pack("<IIQ", 9, 8, 2**40)), "array elements"),
        (numbered(0, 1, pair + struct.pack("<IIQ", 9, 77, 3)), "unknown type 77"),
        (
            numbered(0, 1, pair + struct.pack("<IIQ", 9, 9, 1) * 1 + struct.pack("<IQ", 9, 1) * 5),
            "type 9",
        ),
        (numbered(0, 2, (pair + struct.pack("<IB", 0, 1)) * 2), "twice"),
        (numbered(1, 0, pair + struct.pack("<I", 5)), "5 dimensions"),
        (numbered(1, 0, pair + struct.pack("<IQIQ", 1, 2**62, 0, 0)), "lacks"),
        (numbered(1, 0, pair + struct.pack("<IQIQ", 1, 33, 8, 0)), "Q8_0 blocks"),
        (numbered(1, 0, pair + struct.pack("<IQIQ", 1, 4, 0, 32)), "must be at 0"),
        (numbered(2, 0, (pair + struct.pack("<IQIQ", 1, 4, 0, 0)) * 2), "tensor twice"),
        (weightfiles.gguf([], {"general.alignment": (4, 3)}), "power of two"),
        (weightfiles.gguf([], {"general.alignment": (4, 0)}), "power of two"),
    ],
)
def test_wrong_gguf_says_why(raw, reason):
    with pytest.raises(CorruptFile, match=reason):
        read(GGUF, raw, len(raw))


def test_no_header_is_read_beyond_the_limit():
    claim = struct.pack("<Q", HEADER_LIMIT)
    with pytest.raises(CorruptFile, match="longer than 100,000,000 bytes"):
        read(SAFETENSORS, claim, 10**12)
    strings = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair + struct.pack("<IIQ", 9, 8, 10**9)
    assert isinstance(read(GGUF, strings, 10**12), NeedMore)
    with pytest.raises(CorruptFile, match="longer"):
        read(GGUF, strings + struct.pack("<Q", 10**9), 10**12)


def test_a_long_vocabulary_cut_in_its_last_word_is_refused():
    raw = weightfiles.gguf([], {"k": (9, (8, ["t" * 40] * 1500))})
    end = len(raw.rstrip(b"\0"))
    with pytest.raises(CorruptFile, match="needs"):
        read(GGUF, raw[: end - 5], end - 5)


def test_an_unknown_ggml_type_is_named_and_takes_the_room_it_has():
    raw = weightfiles.gguf([("a", "F32", (8,)), ("b", "F32", (8,))])
    raw = raw.replace(struct.pack("<QIQ", 8, 0, 0), struct.pack("<QIQ", 8, 99, 0))
    first, second = table_of(GGUF, raw).tensors
    assert (first.dtype, first.nbytes) == ("GGML type 99", 32)
    assert second.dtype == "F32"


def test_a_long_vocabulary_is_counted_and_not_kept():
    tokens = [f"token{number}" for number in range(150_000)]
    raw = weightfiles.gguf([], {"tokenizer.ggml.tokens": (9, (8, tokens))})
    started = time.process_time()
    table = table_of(GGUF, raw)
    assert time.process_time() - started < 0.5
    kept = table.metadata["tokenizer.ggml.tokens"]
    assert not isinstance(kept, tuple)
    assert len(kept) == 150_000  # type: ignore[arg-type]
