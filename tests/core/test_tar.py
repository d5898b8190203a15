"""Tar headers: what we write other programs read, what we refuse never gets further."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import tar
from ostler.errors import CorruptFile, OstlerError, UnsafePath

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=90).filter(
    lambda name: not name.startswith("./")
)


@given(NAMES, st.integers(0, 2**63 - 1))
def test_what_is_written_is_read_again(name: str, size: int) -> None:
    assert tar.entry(tar.header(name, size)) == tar.Entry(name, size)


@given(NAMES, st.integers(0, 2**40))
def test_python_reads_what_we_write(name: str, size: int) -> None:
    info = tarfile.TarInfo.frombuf(tar.header(name, size), "ascii", "strict")
    assert (info.name, info.size) == (name.rstrip("/") if info.isdir() else name, size)


@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_read_or_refused(block: bytes) -> None:
    try:
        found = tar.entry(block)
    except OstlerError:
        return
    assert found is None or found.size >= 0


@pytest.mark.parametrize(
    "kind",
    [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_are_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("blobs/sha256/x")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(UnsafePath, match="refused"):
        tar.entry(info.tobuf(tarfile.USTAR_FORMAT))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_any_length_are_refused(form: int) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as out:
        out.addfile(tarfile.TarInfo("a" * 300))
    with pytest.raises(UnsafePath):
        tar.entry(stream.getvalue()[:512])


def test_a_wrong_checksum_is_no_header() -> None:
    block = bytearray(tar.header("index.json", 5))
    block[0] ^= 1
    with pytest.raises(CorruptFile, match="checksum"):
        tar.entry(bytes(block))


def test_a_folder_has_no_name_and_no_bytes() -> None:
    info = tarfile.TarInfo("./blobs/")
    info.type = tarfile.DIRTYPE
    assert tar.entry(info.tobuf(tarfile.USTAR_FORMAT)) == tar.Entry("", 0)
    assert tar.entry(tar.END[:512]) is None
