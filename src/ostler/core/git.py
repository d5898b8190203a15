"""The ids that git gives to files, folders and commits, computed without git.

An id is the sha1 of a kind, a length and the content; see gitformat-pack(5) and
https://git-scm.com/book/en/v2/Git-Internals-Git-Objects. LFS pointers are described in
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

LONGEST_POINTER = 1024  # bytes; the specification's own limit
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)
FILE_MODE, FOLDER_MODE = b"100644", b"40000"


def blob_hasher(size: int) -> hashlib._Hash:
    """Return a sha1 that becomes the blob id once fed the file's `size` bytes."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def pointer(sha256: str, size: int) -> bytes:
    """Return the small text that git keeps in place of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    ).encode()


def pointer_id(sha256: str, size: int) -> str:
    """Return the blob id of a large file's pointer."""
    return object_id("blob", pointer(sha256, size))


def trees(blobs: Mapping[str, str]) -> dict[str, str]:
    """Return the tree id of every folder, "" being the root, from file paths and blob ids."""
    return {folder: object_id("tree", tree) for folder, tree in tree_contents(blobs).items()}


def tree_contents(blobs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the tree object of every folder, "" being the root, from file paths and blob ids."""
    entries: dict[str, dict[bytes, tuple[bytes, str]]] = {"": {}}
    for path, oid in blobs.items():
        folder, _, name = path.rpartition("/")
        for ancestor in _with_ancestors(folder):
            entries.setdefault(ancestor, {})
        entries[folder][name.encode()] = (FILE_MODE, oid)
    found: dict[str, bytes] = {}
    for folder in sorted(entries, key=_depth, reverse=True):  # the deepest first: a tree names ids
        found[folder] = _tree(entries[folder])
        if folder:
            parent, _, name = folder.rpartition("/")
            entries[parent][name.encode()] = (FOLDER_MODE, object_id("tree", found[folder]))
    return found


def commit_id(tree: str) -> str:
    """Return the id of the commit that always follows from this tree: no author, no clock."""
    return object_id("commit", commit_content(tree))


def commit_content(tree: str) -> bytes:
    """Return the commit that always follows from this tree."""
    who = "ostler <ostler@localhost> 0 +0000"
    return f"tree {tree}\nauthor {who}\ncommitter {who}\n\nAs served\n".encode()


def object_id(kind: str, content: bytes) -> str:
    """Return the id of an object: "blob", "tree" or "commit"."""
    head = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def read_pointer(text: bytes) -> tuple[str, int] | None:
    """Return the sha256 and the size that a pointer names, None where this is no pointer."""
    match = _POINTER.fullmatch(text)
    return (match[1].decode(), int(match[2])) if match else None


def _tree(entries: Mapping[bytes, tuple[bytes, str]]) -> bytes:
    # git sorts a folder as though its name ended in a slash
    def order(item: tuple[bytes, tuple[bytes, str]]) -> bytes:
        name, (mode, _) = item
        return name + b"/" if mode == FOLDER_MODE else name

    return b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(oid)
        for name, (mode, oid) in sorted(entries.items(), key=order)
    )


def _with_ancestors(folder: str) -> list[str]:
    parts = folder.split("/") if folder else []
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
