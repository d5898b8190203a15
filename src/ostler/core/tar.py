"""Headers of a tar stream, in the plain form (POSIX ustar): written and read, nothing unpacked.

Only files are accepted, and folders that say nothing. Links, devices and the extension headers
that may carry names or sizes of any length are refused, so that a stream needs no more memory
than the caller's own buffer. Sizes from 8 GiB up are written in base 256, as GNU tar does.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostler.errors import CorruptFile, UnsafePath

BLOCK = 512  # bytes
OCTAL_LIMIT = 8**11  # the largest size that eleven octal digits do not hold
NAME = 100  # bytes; longer names need an extension, and ours never are
END = bytes(2 * BLOCK)
_FOLDER = b"5"
_FILE = (b"0", b"\0")
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
    b"6": "a pipe", b"L": "a long name", b"K": "a long link", b"x": "an extension header",
    b"g": "an extension header", b"S": "a sparse file",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a tar stream; a folder has the name "" and no bytes."""

    name: str
    size: int

    @property
    def padding(self) -> int:
        """Bytes after the content, up to the next block."""
        return -self.size % BLOCK


def header(name: str, size: int) -> bytes:
    """Return the header block of a file."""
    encoded = name.encode()
    assert len(encoded) <= NAME, name
    digits = b"%011o\0" % size if size < OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(
        encoded.ljust(NAME, b"\0")
        + b"0000644\0"
        + b"0000000\0" * 2  # owner and group: nobody's
        + digits
        + b"%011o\0" % 0  # no time, so that equal bundles are equal files
        + b" " * 8  # the checksum counts as blanks
        + b"0"
        + bytes(100)
        + b"ustar\0" + b"00"
    ).ljust(BLOCK, b"\0")  # fmt: skip
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(block: bytes) -> Entry | None:
    """Return what a header block announces; None for an empty block, which begins the end.

    Raises CorruptFile where it is no header, UnsafePath where it is no plain file or folder.
    """
    if len(block) != BLOCK:
        raise _corrupt("it ends in the middle of a header")
    if not any(block):
        return None
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise _corrupt("a header's checksum is wrong")
    name = (block[345:500].split(b"\0")[0] + b"/" if block[345] and block[257:263] == b"ustar\0"
            else b"") + block[:NAME].split(b"\0")[0]  # fmt: skip
    kind = block[156:157]
    if kind == _FOLDER:
        if _size(block[124:136]):
            raise _corrupt("a folder has content")
        return Entry("", 0)
    if kind not in _FILE:
        what = _KINDS.get(kind, "something that is no file")
        raise UnsafePath(
            f"The bundle holds {what} ({name[:80]!r}), which is refused.",
            hint="Nothing was imported. `ostler bundle create` makes none; who made this one?",
        )
    try:
        return Entry(name.decode("ascii").removeprefix("./"), _size(block[124:136]))
    except UnicodeDecodeError:
        raise _corrupt("a name is not ASCII") from None


def _size(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return _octal(field)


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if any(digit not in b"01234567" for digit in digits):
        raise _corrupt("a number is not octal")
    return int(digits or b"0", 8)


def _corrupt(why: str) -> CorruptFile:
    return CorruptFile(
        f"This is not a bundle, or it is damaged: {why}.",
        hint="Nothing more was imported. Fetch the file again.",
        reason=why,
    )
