"""Bytes -> tensor table: the header of a weight file, from as few of its bytes as it takes.

A reader is given a prefix of the file and the file's true size. It answers with the table, or
with `NeedMore` where the header goes on behind the prefix; so a header on a hub is read by range.
Numbers in a header are claims: each is held against the file's size before it is used.
"""

from __future__ import annotations

from ostler.core.headers import gguf, safetensors
from ostler.core.headers.gguf import begin
from ostler.core.headers.prefix import HEADER_LIMIT, NeedMore
from ostler.nouns import Format, TensorTable

__all__ = ["HEADER_LIMIT", "READERS", "NeedMore", "begin", "read"]

# Pickled weights have no entry: they cannot be read without running their code.
READERS = {Format.GGUF: gguf.read, Format.SAFETENSORS: safetensors.read}


def read(format: Format, prefix: bytes, file_size: int) -> TensorTable | NeedMore:
    """Return the tensor table of a weight file of `file_size` bytes that begins with `prefix`.

    Raises CorruptFile, with the reason, where the file is not what its format says, and
    KeyError for a format that has no header (see READERS).
    """
    return READERS[format](prefix, file_size)
