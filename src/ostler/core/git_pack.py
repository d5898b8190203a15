"""What git's client and server say to each other when a repository is cloned. Pure.

Lines with a length before them: gitprotocol-common(5); the talk of upload-pack, version 0:
gitprotocol-pack(5); the pack itself: gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

FLUSH = b"0000"
KINDS = {"commit": 1, "tree": 2, "blob": 3}
ABILITIES = "shallow allow-tip-sha1-in-want no-progress agent=ostler"
SERVICE = "git-upload-pack"


@dataclass(frozen=True, slots=True)
class Question:
    """What a client wants of a repository."""

    wants: tuple[str, ...]  # object ids
    shallow: bool  # it wants a limited history, and to be told where that ends
    has_some: bool
    done: bool  # it waits for the pack


def line(text: str) -> bytes:
    """Return the text as one line of the protocol."""
    content = text.encode() + b"\n"
    return b"%04x" % (len(content) + 4) + content


def advertised(refs: Mapping[str, str], head: str) -> bytes:
    """Return the answer that lists the refs (name -> commit); `head` is the branch of HEAD."""
    abilities = f"{ABILITIES} symref=HEAD:{head}"
    lines = [(refs[head], "HEAD"), *((commit, name) for name, commit in sorted(refs.items()))]
    first, *others = [f"{commit} {name}" for commit, name in lines]
    greeting = line(f"# service={SERVICE}") + FLUSH + line(f"{first}\0{abilities}")
    return greeting + b"".join(map(line, others)) + FLUSH


def question(body: bytes) -> Question:
    """Read a client's request. Raises ValueError where it is none."""
    words = [text.split() for text in _lines(body)]
    said = {word[0] for word in words if word}
    wants = tuple(word[1] for word in words if len(word) > 1 and word[0] == "want")
    return Question(wants, "deepen" in said, "have" in said, "done" in said)


def begin(asked: Question) -> bytes:
    """Return what is said before the pack, or instead of it where none is waited for."""
    # no commit of ours has a parent, so no history is ever cut
    start = FLUSH if asked.shallow else b""
    return start + (line("NAK") if asked.done or asked.has_some else b"")


def pack(objects: Iterable[tuple[str, bytes]], count: int) -> Iterator[bytes]:
    """Yield a pack of `count` objects (kind, content), piece by piece."""
    digest = hashlib.sha1(usedforsecurity=False)
    head = b"PACK" + (2).to_bytes(4, "big") + count.to_bytes(4, "big")
    digest.update(head)
    yield head
    for kind, content in objects:
        piece = _size(KINDS[kind], len(content)) + zlib.compress(content, 1)
        digest.update(piece)
        yield piece
    yield digest.digest()


def _lines(body: bytes) -> Iterator[str]:
    at = 0
    while at < len(body):
        length = int(body[at : at + 4], 16)
        if length == 0:
            at += 4
            continue
        if length < 4 or at + length > len(body):
            raise ValueError("a line with a wrong length")
        yield body[at + 4 : at + length].decode().rstrip("\n")
        at += length


def _size(kind: int, size: int) -> bytes:
    """Return kind and size as a pack writes them: 4 bits of the size first, then 7 at a time."""
    written = bytearray()
    byte, size = (kind << 4) | (size & 15), size >> 4
    while size:
        written.append(byte | 128)
        byte, size = size & 127, size >> 7
    written.append(byte)
    return bytes(written)
