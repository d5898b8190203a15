"""The small HTTP client, against servers that send what they like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.errors import OstlerError, RequestFailed, StartupTimeout
from ostler.verbs.asking import LONGEST_BODY, Answer, ask, events, lines

T = TypeVar("T")
HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\n"


def talk(said: bytes, then: Callable[[int], Awaitable[T]], heard: list[bytes] | None = None) -> T:
    """Run `then` with the port of a server that says these bytes to everyone and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        request = head + await reader.readexactly(length)
        if heard is not None:
            heard.append(request)
        writer.write(said)
        writer.close()

    async def story() -> T:
        server = await asyncio.start_server(answer, HOST, 0)
        async with server:
            return await then(server.sockets[0].getsockname()[1])

    return asyncio.run(story())


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a server that listens and never says anything."""
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(listen, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]
        await gone.wait()


def answer_to(said: bytes, heard: list[bytes] | None = None, body: object = None) -> Answer:
    return talk(said, lambda port: ask(HOST, port, "POST", "/x", body, patience=5.0), heard)


def chunked(*pieces: bytes) -> bytes:
    body = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        OK + b'content-length: 7\r\n\r\n{"a":1}ignored',
        OK + b'\r\n{"a":1}',
        chunked(b'{"a"', b":1}"),
    ],
    ids=["length", "until the end", "chunks"],
)
def test_every_way_to_tell_a_length(said: bytes) -> None:
    answer = answer_to(said)
    assert (answer.status, answer.json()) == (200, {"a": 1})


def test_what_is_sent_is_one_request_with_a_json_body() -> None:
    heard: list[bytes] = []
    answer_to(OK + b"Content-Length: 0\r\n\r\n", heard, {"model": "é"})
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Connection: close" in head
    assert json.loads(body) == {"model": "é"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        OK + b"Content-Length: 100\r\n\r\nshort",
        OK + b"Content-Length: -5\r\n\r\n",
        OK + b"Content-Length: many\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        OK + b"X: " + b"y" * (2 << 20) + b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * (3 << 20) + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx" + b"y" * (3 << 20) + b"\r\n",
    ],
)
def test_what_is_no_whole_answer_is_an_oserror(said: bytes) -> None:
    with pytest.raises(OSError, match=r"."):
        answer_to(said)


def test_a_promised_length_is_not_believed() -> None:
    with pytest.raises(ConnectionResetError):
        answer_to(OK + b"Content-Length: 1000000000000000\r\n\r\nlittle")


def test_an_endless_answer_is_cut_off() -> None:
    gone = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * (1 << 20))
                await writer.drain()
        writer.close()
        gone.set()

    async def story() -> None:
        async with await asyncio.start_server(flood, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionError, match=str(LONGEST_BODY)):
                await ask(HOST, port, "GET", "/")
            await gone.wait()

    asyncio.run(story())


def test_nobody_there() -> None:
    async def story() -> None:
        async with await asyncio.start_server(lambda r, w: None, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await ask(HOST, port, "GET", "/")

    asyncio.run(story())


def test_silence_ends() -> None:
    async def story() -> None:
        async with silent() as port:
            with pytest.raises(TimeoutError):
                await ask(HOST, port, "GET", "/", patience=0.05)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"detail": "pinned"}', "pinned"),
        (b"<h1>Bad Gateway</h1>", "Bad Gateway"),
        (b"[" * 100_000, "[["),
        (b"", "status 502"),
    ],
)
def test_the_servers_own_words(body: bytes, said: str) -> None:
    assert said in Answer(502, {}, body).error()


async def collect(port: int) -> list[dict[str, Any]]:
    return [event async for event in events(HOST, port, "/v1/chat/completions", {"stream": True})]


EVENTS = b': ping\n\ndata: {"n": 1}\r\n\r\nevent: x\ndata:{"n":2}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    "said",
    [
        chunked(EVENTS),
        chunked(*(EVENTS[i : i + 1] for i in range(len(EVENTS)))),
        OK + b"\r\n" + EVENTS,
    ],
)
def test_events(said: bytes) -> None:
    assert talk(said, collect) == [{"n": 1}, {"n": 2}]


def test_events_without_done_end_with_the_stream() -> None:
    assert talk(chunked(b'data: {"n": 1}\n\ndata: {"n": 2}'), collect) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (b"HTTP/1.1 400 Bad\r\n\r\n" + b'{"error": {"message": "too long"}}', "too long"),
        (chunked(b'data: {"n": 1}\n\ndata: {"error": {"message": "boom"}}\n\n'), "boom"),
        (chunked(b'data: {"n": 1}\n\n')[:-5], "broke off"),
        (chunked(b"data: {nonsense\n\n"), "no JSON"),
        (chunked(b"data: " + b"[" * 100_000 + b"\n\n"), "no JSON"),
        (b"HTTP/1.1 400 Bad\r\n\r\n" + b"x" * 200_000, "longer than 100000 bytes"),
        (b"", "broke off"),
    ],
)
def test_a_stream_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch, said: bytes, what: str
) -> None:
    monkeypatch.setattr("ostler.verbs.asking.LONGEST_BODY", 100_000)
    with pytest.raises(RequestFailed, match=what):
        talk(said, collect)


REFUSED = {
    "message": "It was slow.", "code": "startup_timeout", "type": "server_error", "hint": "Wait.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (REFUSED, StartupTimeout),
        (REFUSED | {"code": "request_failed"}, RequestFailed),
        (REFUSED | {"code": "their_own"}, RequestFailed),
        (REFUSED | {"code": 504}, RequestFailed),
    ],
)
def test_a_refusal_of_ours_is_known_by_its_code(error: object, kind: type[OstlerError]) -> None:
    body = json.dumps({"error": error}).encode()
    for said in (b"HTTP/1.1 504 Slow\r\n\r\n" + body, chunked(b"data: " + body + b"\n\n")):
        with pytest.raises(kind, match="It was slow") as caught:
            talk(said, collect)
        assert type(caught.value) is kind
        assert caught.value.hint == ("Wait." if kind is StartupTimeout else "")


@given(st.binary(), st.lists(st.integers(min_value=0, max_value=50)))
def test_lines_are_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        rest = data
        for cut in cuts:
            yield rest[:cut]
            rest = rest[cut:]
        yield rest

    async def story() -> list[bytes]:
        return [line async for line in lines(pieces(), 5.0)]

    expected = data.split(b"\n")
    assert asyncio.run(story()) == (expected if expected[-1] else expected[:-1])
