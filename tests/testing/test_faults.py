"""Each fault does what it says, on real connections."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostler.testing.faults import (
    Answer,
    CutAfter,
    Faults,
    FlipByte,
    IgnoreRange,
    RedirectTo,
    ReplaceHeader,
    Stall,
)
from ostler.testing.server import running

CONTENT = bytes(range(100))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve CONTENT, from an offset where a range asks for it."""
    begin = Request(scope).headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-")
    headers = {"ETag": '"e"', "X-Repo-Commit": "c"}
    status = 200
    if begin != "0":
        status, headers["Content-Range"] = 206, f"bytes {begin}-99/100"
    await Response(CONTENT[int(begin) :], status, headers)(scope, receive, send)


@pytest.fixture
def faults() -> Iterator[Faults]:
    yield (faults := Faults(app))
    faults.clear()


@dataclass(frozen=True)
class Got:
    """An answer as far as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    cut: bool


def get(address: str, path: str = "/file", **headers: str) -> Got:
    with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)) as line:
        line.request("GET", path, headers=headers)
        with line.getresponse() as answer:
            try:
                return Got(answer.status, answer.headers, answer.read(), cut=False)
            except http.client.IncompleteRead as short:
                return Got(answer.status, answer.headers, short.partial, cut=True)


def test_a_cut_and_the_memory_of_what_was_asked(faults: Faults) -> None:
    faults.add("/cut", CutAfter(10), times=1)
    with running(faults) as address:
        first, rest = get(address, "/cut"), get(address, "/cut", Range="bytes=10-")
    assert (first.body, first.cut) == (CONTENT[:10], True)
    assert (rest.body, rest.cut) == (CONTENT[10:], False)
    assert [asked.headers.get("range") for asked in faults.asked("/cut")] == [None, "bytes=10-"]
    assert faults.asked("/other") == faults.asked("/cut", "HEAD") == []


def test_wrong_bytes_and_wrong_headers(faults: Faults) -> None:
    faults.add("/flip", FlipByte(50))
    faults.add("/whole", IgnoreRange())
    faults.add("/etag", ReplaceHeader("ETag", '"other"'))
    faults.add("/none", ReplaceHeader("ETag", None))
    faults.add("/long", ReplaceHeader("Content-Length", "200"))
    with running(faults) as address:
        flipped = get(address, "/flip", Range="bytes=40-").body
        whole = get(address, "/whole", Range="bytes=40-")
        etags = [get(address, path).headers["ETag"] for path in ("/etag", "/none", "/file")]
        long = get(address, "/long")
    assert [n for n in range(60) if flipped[n] != CONTENT[40 + n]] == [10]
    assert (whole.status, whole.body) == (200, CONTENT)
    assert etags == ['"other"', None, '"e"']
    assert (long.body, long.cut) == (CONTENT, True)


def test_a_redirect_carries_the_metadata_and_not_the_body(faults: Faults) -> None:
    faults.add("/away", RedirectTo("http://elsewhere.invalid"))
    with running(faults) as address:
        away = get(address, "/away?a=b")
    assert (away.status, away.body) == (302, b"")
    assert away.headers["Location"] == "http://elsewhere.invalid/away?a=b"
    assert away.headers["X-Repo-Commit"] == "c"
    assert faults.asked("/away", "GET")[0].query == "a=b"


def test_a_stall_holds_until_released(faults: Faults) -> None:
    stall = Stall(after=30)
    faults.add("/file", stall)
    with running(faults) as address, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(get, address)
        assert stall.reached.wait(10)
        assert not reading.done()
        stall.released.set()
        assert reading.result(10).body == CONTENT


def test_the_first_rule_wins_until_it_is_used_up(faults: Faults) -> None:
    faults.add("*", Answer(503, {"Retry-After": "1"}), times=1)
    faults.add("*", Answer(429))
    with running(faults) as address:
        answers = [get(address) for _ in range(3)]
        assert [answer.status for answer in answers] == [503, 429, 429]
        assert answers[0].headers["Retry-After"] == "1"
        faults.clear()
        assert get(address).status == 200
    assert len(faults.requests) == 1
