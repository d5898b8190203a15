"""Ask an HTTP server on this machine: one request, one answer or one stream of events.

A few lines over asyncio instead of an HTTP library, because importing one takes longer than
starting a small engine. HTTP/1.1, one connection per request, no redirects; TLS where it is given.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ostler.core.reasons import why
from ostler.errors import OstlerError, RequestFailed, from_code, is_code

if TYPE_CHECKING:
    from ssl import SSLContext

LONGEST_BODY = 64 << 20  # bytes; an engine's answer is text, and a length may be a lie
LONGEST_LINE = 1 << 20  # bytes of a header line or of one event
PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def error(self) -> str:
        """What the server says went wrong, in its words."""
        error = self._error()
        message = error.get("message") if isinstance(error, dict) else error
        text = str(message) if message else self.body.decode("utf-8", "replace").strip()
        return text[:500] or f"status {self.status} without a word"

    def refusal(self) -> OstlerError:
        """The error for an answer that is none: one of ours where a server of ours names it."""
        error = self._error()
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, str) and code != RequestFailed.code and is_code(code):
            named = from_code(code, self.error(), str(error.get("hint") or ""))
            named.facts["status"] = self.status
            return named
        return RequestFailed(f"The engine refused: {self.error()}", status=self.status)

    def _error(self) -> Any:
        said = self.json()
        return said.get("error", said.get("detail")) if isinstance(said, dict) else None


async def ask(
    host: str,
    port: int,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float = 60.0,
    tls: SSLContext | None = None,
) -> Answer:
    """Send one request and return the whole answer; `body` is sent as JSON.

    Raises OSError where no whole answer came: nobody listens, a broken connection, no HTTP, or
    TimeoutError after `patience` seconds.
    """
    async with asyncio.timeout(patience), connection(host, port, tls) as (reader, writer):
        await send(writer, host, port, method, path, body, headers)
        status, fields = await read_head(reader)
        return Answer(status, fields, await whole(read_body(reader, fields)))


async def events(
    host: str,
    port: int,
    path: str,
    body: object,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float = 600.0,
    tls: SSLContext | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """POST `body` and yield the JSON objects of a server-sent event stream up to its end.

    Raises RequestFailed where the server refuses, reports an error half-way or breaks off, or is
    silent for `patience` seconds; where it is a server of ours, the refusal that it names.
    """
    try:
        async with connection(host, port, tls) as (reader, writer):
            await send(writer, host, port, "POST", path, body, headers)
            status, fields = await asyncio.wait_for(read_head(reader), patience)
            pieces = read_body(reader, fields)
            if status != 200:
                said = await asyncio.wait_for(whole(pieces), patience)
                raise Answer(status, fields, said).refusal()
            async for line in lines(pieces, patience):
                if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
                    yield event(line[5:])
    except OSError as error:
        raise RequestFailed(f"The engine broke off: {why(error)}.") from error


def event(data: bytes) -> dict[str, Any]:
    """One event's object. Raises RequestFailed, or a refusal of ours, where it reports an error."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise RequestFailed(f"The engine sent an event that is no JSON: {data[:80]!r}.") from None
    if not isinstance(said, dict) or said.get("error"):
        raise Answer(500, {}, data).refusal()
    return said


@asynccontextmanager
async def connection(
    host: str, port: int, tls: SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect for one request, and close whatever happens."""
    reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE, ssl=tls)
    try:
        if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
            raise ConnectionRefusedError("Nobody listens; the connection met itself.")
        yield reader, writer
    finally:
        writer.close()


async def send(
    writer: asyncio.StreamWriter,
    host: str,
    port: int,
    method: str,
    path: str,
    body: object,
    headers: Mapping[str, str] | None,
) -> None:
    """Write one request."""
    content = b"" if body is None else json.dumps(body).encode()
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields = {"Host": where, "Connection": "close", "Content-Length": str(len(content))}
    if content:
        fields["Content-Type"] = "application/json"
    head = "".join(f"{name}: {value}\r\n" for name, value in (fields | dict(headers or {})).items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content)
    await writer.drain()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read the status and the header fields. Raises OSError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("The connection ended before an answer.") from None
    except asyncio.LimitOverrunError:
        raise ConnectionError("The answer's head is too long.") from None
    first, *rest = head.decode("latin-1").split("\r\n")
    version, _, after = first.partition(" ")
    if not version.startswith("HTTP/1.") or not after[:3].isdecimal():
        raise ConnectionError("What answers does not speak HTTP.")
    pairs = (line.partition(":") for line in rest if line)
    return int(after[:3]), {name.lower(): value.strip() for name, _, value in pairs}


async def read_body(
    reader: asyncio.StreamReader, fields: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """Yield the body as it comes, however its length is told. Raises OSError when cut short."""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        while size := await chunk_size(reader):
            async for piece in exactly(reader, size):
                yield piece
            await read_line(reader)
    elif "content-length" in fields:
        async for piece in exactly(reader, number(fields["content-length"], 10)):
            yield piece
    else:
        while piece := await reader.read(PIECE):
            yield piece


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    """Gather a body. Raises OSError when it is cut short or longer than LONGEST_BODY."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) > LONGEST_BODY:
            raise ConnectionError(f"The answer is longer than {LONGEST_BODY} bytes.")
    return bytes(gathered)


async def chunk_size(reader: asyncio.StreamReader) -> int:
    """Read the line before a chunk; 0 is the end."""
    line = await read_line(reader)
    if not line:
        raise ConnectionResetError("The connection ended in the middle of an answer.")
    return number(line.partition(b";")[0].decode("latin-1").strip(), 16)


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """Read one line, empty at the end of the stream. Raises OSError where it is too long."""
    try:
        return await reader.readline()
    except ValueError:
        raise ConnectionError("A line of the answer is too long.") from None


async def exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    """Yield `size` bytes in pieces of any length."""
    while size > 0:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise ConnectionResetError("The connection ended in the middle of an answer.")
        size -= len(piece)
        yield piece


def number(text: str, base: int) -> int:
    """A length from the wire. Raises ConnectionError where it is none."""
    try:
        value = int(text, base)
    except ValueError:
        value = -1
    if value < 0:
        raise ConnectionError(f"{text[:20]!r} is no length.")
    return value


async def lines(pieces: AsyncIterator[bytes], patience: float) -> AsyncIterator[bytes]:
    """Split the pieces into lines; wait for each piece at most `patience` seconds."""
    rest = b""
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), patience)
        except StopAsyncIteration:
            break
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LONGEST_LINE:
            raise ConnectionError("An event is too long.")
    if rest:
        yield rest
