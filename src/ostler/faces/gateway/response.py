"""Answers: heads of relayed ones, and errors of the gateway's own; no I/O."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from ostler.faces.gateway.known import Spelling
from ostler.faces.gateway.messages import Fault
from ostler.faces.gateway.request import (
    HOP_BY_HOP,
    WEBSOCKET,
    Header,
    Refusal,
    named_by_connection,
)

# What pages may read is the gateway's to say: engines would let all of them.
REPLACED = HOP_BY_HOP | {
    b"x-request-id",
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-expose-headers",
    b"access-control-max-age",
}
BODILESS = (204, 304)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Head(NamedTuple):
    """The head of a relayed answer, and how its body's end will be known."""

    data: bytes
    chunked: bool
    open_ended: bool  # only the end of the connection ends it
    close: bool
    streams: bool  # server-sent events


def relayed_head(
    status: int,
    headers: list[Header],
    request_id: bytes,
    *,
    old: bool,
    close: bool,
    bodiless: bool,
    unsized: bool,
    permits: bytes = b"",
) -> Head:
    """Return the head for the caller. `old`: it speaks HTTP/1.0, so no chunks. `bodiless`: the
    answer to a HEAD. `unsized`: its length may change on the way, so it is not stated.
    """
    fields = dict(headers)
    streams = fields.get(b"content-type", b"").startswith(b"text/event-stream")
    empty = bodiless or status in BODILESS
    sized = b"content-length" in fields and not (unsized and streams)
    chunked = not (empty or sized or old)
    open_ended = not (empty or sized or chunked)
    close = close or open_ended
    dropped = REPLACED
    if b"connection" in fields:
        dropped |= named_by_connection(headers)
    if not sized:
        dropped |= {b"content-length"}
    if streams:
        dropped |= {b"cache-control", b"x-accel-buffering"}
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, phrase(status))]
    lines += [b"%b: %b\r\n" % header for header in headers if header[0] not in dropped]
    if streams:  # nginx and others in front would otherwise hold the tokens back
        lines.append(b"cache-control: no-cache\r\nx-accel-buffering: no\r\n")
    if chunked:
        lines.append(b"transfer-encoding: chunked\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"%bx-request-id: %b\r\n\r\n" % (permits, request_id))
    return Head(b"".join(lines), chunked, open_ended, close, streams)


def switched(headers: list[Header], request_id: bytes) -> bytes:
    """Return the head of the answer after which the connection is a WebSocket."""
    kept = (header for header in headers if header[0] not in REPLACED)
    lines = (
        b"HTTP/1.1 101 %b\r\n" % phrase(101),
        WEBSOCKET,
        *(b"%b: %b\r\n" % one for one in kept),
    )
    return b"%bx-request-id: %b\r\n\r\n" % (b"".join(lines), request_id)


def error_answer(
    refusal: Refusal, request_id: bytes, *, close: bool, head_only: bool, permits: bytes = b""
) -> bytes:
    """Return a whole answer with the error in OpenAI's envelope."""
    body = envelope(refusal)
    lines = [
        b"HTTP/1.1 %d %b\r\n" % (refusal.status, phrase(refusal.status)),
        b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body),
    ]
    if refusal.retry_after is not None:
        lines.append(b"retry-after: %d\r\n" % max(1, math.ceil(refusal.retry_after)))
    if refusal.status == 401:
        lines.append(b"www-authenticate: Bearer\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"%bx-request-id: %b\r\n\r\n" % (permits, request_id))
    return b"".join(lines) + (b"" if head_only else body)


def empty_answer(request_id: bytes, *, close: bool, permits: bytes) -> bytes:
    """Return an answer that is its headers alone."""
    end = b"connection: close\r\n" if close else b""
    head = b"HTTP/1.1 204 No Content\r\n"
    return b"%b%b%bx-request-id: %b\r\n\r\n" % (head, permits, end, request_id)


class Whole(NamedTuple):
    """Answers that are whole in one piece and begin with the same head."""

    status: int
    spelling: Spelling  # as it comes from the engine
    form: bytes  # what goes to callers, for the body's length, the request's id, and the body


def whole(status: int, headers: list[Header], spelling: Spelling) -> Whole:
    """Return what answers with this head become, for callers of HTTP/1.1 that stay connected."""
    dropped = REPLACED | {b"content-length"}
    if any(name == b"connection" for name, _ in headers):
        dropped |= named_by_connection(headers)
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, phrase(status))]
    lines += [b"%b: %b\r\n" % header for header in headers if header[0] not in dropped]
    head = b"".join(lines).replace(b"%", b"%%")
    return Whole(status, spelling, head + b"content-length: %d\r\nx-request-id: %b\r\n\r\n%b")


EVENTS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n%bx-request-id: %b\r\n\r\n"
)


def progress(id: str, eta: float | None) -> bytes:
    """Return a comment of server-sent events, which clients pass over, on a load's progress."""
    soon = f", about {eta:.0f} s to go" if eta else ""
    return f": loading {id}{soon}\n\n".encode()


def as_event(body: bytes) -> bytes:
    """Return an error's body as the last event of a stream that has begun already."""
    return b"data: %b\n\ndata: [DONE]\n\n" % b" ".join(body.split(b"\n"))


def envelope(refusal: Refusal) -> bytes:
    """Return the error in OpenAI's envelope."""
    return msgspec.json.encode(Envelope(refusal.fault))


class Envelope(msgspec.Struct, frozen=True):
    """The OpenAI API's shape of an error."""

    error: Fault


def phrase(status: int) -> bytes:
    """Return the standard reason phrase, empty for a status that has none."""
    return PHRASES.get(status, b"")


PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


def chunk(payload: bytes) -> bytes:
    """Return the bytes as one chunk of the chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,7})\r\n")


def _single(size: int) -> bytes | tuple[()]:
    """Return how one chunk that fills so many bytes begins; an empty tuple where none can."""
    for digits in (1, 2, 3):
        payload = size - digits - 4
        if payload > 0 and len(b"%x" % payload) == digits:
            return b"%x\r\n" % payload
    return ()


LONG = 4096
SINGLE = tuple(map(_single, range(LONG)))  # how a chunk begins that is alone in so many bytes


def is_chunks(data: bytes) -> bool:
    """Say whether the bytes are whole chunks, none of them the last, without extensions."""
    at, end = 0, len(data)
    if end < LONG and data.startswith(SINGLE[end]):
        return data.endswith(b"\r\n")
    while at < end:
        found = CHUNK_SIZE.match(data, at)
        if found is None:
            return False
        size = int(found[1], 16)
        at = found.end() + size + 2
        if size == 0 or at > end or data[at - 2 : at] != b"\r\n":
            return False
    return True


def unchunked(data: bytes) -> bytes:
    """Return what whole chunks hold; other bytes come back as they are."""
    at, pieces = 0, []
    while found := CHUNK_SIZE.match(data, at):
        at = found.end() + int(found[1], 16) + 2
        pieces.append(data[found.end() : at - 2])
    return b"".join(pieces) or data


class DoneMark:
    """Watches a stream of events for its `data: [DONE]`, which some engines leave out."""

    __slots__ = ("_tail",)

    MARK = b"data: [DONE]"

    def __init__(self) -> None:
        self._tail = b""

    def see(self, payload: bytes) -> None:
        """Take note of the next piece of the stream."""
        self._tail = (self._tail + payload[-64:])[-64:]

    def missing(self) -> bytes:
        """Return what to add at the end: nothing where the mark has been seen."""
        if self.MARK in self._tail:
            return b""
        gap = b"" if not self._tail or self._tail.endswith(b"\n\n") else b"\n\n"
        return gap + self.MARK + b"\n\n"
