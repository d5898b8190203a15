"""How much of a file has been seen, and what to say when that is too little or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ostler.errors import CorruptFile

# The longest header that is read, in bytes. The safetensors library has the same limit; the
# largest GGUF vocabularies take about a quarter of it.
HEADER_LIMIT = 100_000_000


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header is longer than the prefix: `bytes` is the shortest prefix worth trying next."""

    bytes: int


def corrupt(reason: str) -> CorruptFile:
    """Return the refusal of a damaged header."""
    return CorruptFile(
        f"The file's header is wrong: {reason}.",
        hint="Fetch the file again, or tell the repository's owner.",
        reason=reason,
    )


def need(end: int, prefix: bytes, file_size: int) -> NeedMore | None:
    """Return None where the prefix reaches `end`, or ask for that many bytes.

    Raises CorruptFile where the file ends before it, or where no honest header is so long.
    """
    if end > file_size:
        raise corrupt(f"it needs {end:,} bytes and the file has {file_size:,}")
    if end > HEADER_LIMIT:
        raise corrupt(f"it is longer than {HEADER_LIMIT:,} bytes")
    return NeedMore(end) if end > len(prefix) else None
