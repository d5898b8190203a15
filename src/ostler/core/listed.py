"""A file as a source lists it: what is said of it becomes a path, and is looked at first."""

from __future__ import annotations

from ostler.core import hashes
from ostler.nouns import RemoteFile

LARGEST = 2**63 - 1  # bytes; what file systems count with


def file(
    path: str, size: object, *, sha256: str | None = None, git_sha1: str | None = None
) -> RemoteFile:
    """Return the file, its hash in lower case. Raises ValueError for a size or hash that is none.

    Whether its path may become one is asked of all paths together: `paths.refuse_unsafe`.
    """
    if not isinstance(size, int) or not 0 <= size <= LARGEST:
        raise ValueError(f"{path!r}: {size!r} is no size")
    for text, kind in ((sha256, hashes.SHA256), (git_sha1, hashes.SHA1)):
        if text is not None and not kind.fullmatch(text.lower()):
            raise ValueError(f"{path!r}: {text!r} is no hash")
    return RemoteFile(path, size, sha256 and sha256.lower(), git_sha1 and git_sha1.lower())
