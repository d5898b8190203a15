"""Bytes as they leave the hub, read with nothing but a socket."""

from __future__ import annotations

import asyncio
import http.client
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ostler.faces.hub import bodies, sending
from ostler.faces.hub.ranges import Span
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import HubFile

FILE = "acme/tiny-GGUF/tiny-Q4_K_M.gguf"
URL = "/acme/tiny-GGUF/resolve/main/tiny-Q4_K_M.gguf"


def ask(
    hub: Any, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(urlsplit(hub.address).netloc, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_head_says_everything_and_sends_nothing(hub: Any) -> None:
    content = hub.path(FILE).read_bytes()
    status, headers, body = ask(hub, URL, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == int(headers["X-Linked-Size"]) == len(content)
    assert headers["ETag"] == headers["X-Linked-Etag"]
    assert len(headers["ETag"]) == 64 + 2
    assert len(headers["X-Repo-Commit"]) == 40
    assert headers["Accept-Ranges"] == "bytes"
    assert 'filename="tiny-Q4_K_M.gguf"' in headers["Content-Disposition"]
    assert not any("xet" in name.lower() for name in headers)
    small = ask(hub, "/acme/tiny/resolve/main/config.json", "HEAD")[1]
    assert len(small["ETag"]) == 40 + 2
    assert "X-Linked-Size" not in small


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 300_003),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=300003-", 300_003, 300_003),
        ("bytes=299999-999999999", 299_999, 300_003),
        ("bytes=-1", 300_003, 300_003),
        ("bytes=-999999999", 0, 300_003),
    ],
)
def test_ranges(hub: Any, asked: str, first: int, last: int) -> None:
    content = hub.path(FILE).read_bytes()
    status, headers, body = ask(hub, URL, Range=asked)
    assert status == 206
    assert body == content[first : last + 1]
    assert headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=-", "junk"])
def test_what_is_no_single_range_gets_the_whole_file(hub: Any, asked: str) -> None:
    status, headers, body = ask(hub, URL, Range=asked)
    assert (status, body) == (200, hub.path(FILE).read_bytes())
    assert headers["Content-Range"] is None


@pytest.mark.parametrize("asked", ["bytes=300004-", "bytes=999999999999-", "bytes=-0"])
def test_a_range_outside_of_the_file_is_416(hub: Any, asked: str) -> None:
    status, headers, _ = ask(hub, URL, Range=asked)
    assert (status, headers["Content-Range"]) == (416, "bytes */300004")


def test_a_range_is_given_only_of_the_bytes_that_the_client_began_with(hub: Any) -> None:
    etag = ask(hub, URL, "HEAD")[1]["ETag"]
    assert ask(hub, URL, Range="bytes=5-", If_Range=etag)[0] == 206
    assert ask(hub, URL, Range="bytes=5-", If_Range='"other"')[0] == 200
    assert ask(hub, URL, If_None_Match=etag)[::2] == (304, b"")
    assert ask(hub, URL, If_None_Match='"other"')[0] == 200
    hub.path(FILE).write_bytes(b"new bytes")
    status, _, body = ask(hub, URL, Range="bytes=5-", If_Range=etag)
    assert (status, body) == (200, b"new bytes")


def test_an_empty_file(hub: Any) -> None:
    hub.path("acme/tiny/empty.txt").touch()
    url = "/acme/tiny/resolve/main/empty.txt"
    status, headers, body = ask(hub, url)
    assert (status, headers["Content-Length"], body) == (200, "0", b"")
    assert headers["ETag"] == '"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"'  # as git names it
    assert ask(hub, url, Range="bytes=0-0")[0] == 416


@pytest.mark.parametrize(
    "path",
    [
        "/acme/tiny/resolve/main/../../../secret.txt",
        "/acme/tiny/resolve/main/..%2f..%2f..%2fsecret.txt",
        "/acme/tiny/resolve/main/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/acme/tiny/resolve/main//etc/passwd",
        "/acme/tiny/resolve/main/%2fetc%2fpasswd",
        "/acme/tiny/resolve/main/.hub.json",
        "/acme/tiny/resolve/main/.v1/config.json",
        "/acme/tiny/resolve/main/link.txt",
        "/acme/tiny/resolve/main/linked/secret.txt",
        "/acme/tiny/resolve/main/extra",
        "/acme/tiny/resolve/main/config.json%00",
        "/acme/tiny/resolve/main/",
        "/../secret/resolve/main/secret.txt",
        "/..%2f..%2fsecret/resolve/main/secret.txt",
        "/acme/linked/resolve/main/secret.txt",
        "/.secret/x/resolve/main/secret.txt",
    ],
)
def test_nothing_outside_of_the_repositories_is_given(hub: Any, path: str) -> None:
    outside = hub.root.parent / "outside"
    outside.mkdir()
    for place in (hub.root.parent, outside, hub.root):
        (place / "secret.txt").write_text("secret")
    hub.path("acme/tiny/link.txt").symlink_to(outside / "secret.txt")
    hub.path("acme/tiny/linked").symlink_to(outside)
    hub.path("acme/linked").symlink_to(outside)
    status, headers, body = ask(hub, path)
    assert status in (401, 404)
    assert headers["X-Error-Code"] in ("EntryNotFound", "RepoNotFound")
    assert b"secret\n" not in body
    assert body != b"secret"


def test_a_link_inside_of_the_folder_is_a_file_like_any_other(hub: Any) -> None:
    hub.path("acme/tiny/link.txt").symlink_to(hub.path("acme/tiny/config.json"))
    hub.path("acme/tiny/circle").symlink_to(hub.path("acme/tiny"))
    status, _, body = ask(hub, "/acme/tiny/resolve/main/link.txt")
    assert (status, body) == (200, hub.path("acme/tiny/config.json").read_bytes())


def test_names_that_no_header_can_hold(hub: Any) -> None:
    hub.path('acme/tiny/a "b"ö.txt').write_text("x")
    hub.path("acme/tiny/two\nlines.txt").write_text("x")
    status, headers, _ = ask(hub, "/acme/tiny/resolve/main/a%20%22b%22%C3%B6.txt")
    assert status == 200
    assert 'filename="a _b__.txt"' in headers["Content-Disposition"]
    assert ask(hub, "/acme/tiny/resolve/main/two%0Alines.txt")[0] == 404
    refused = ask(hub, "/acme/tiny/resolve/main/%C3%B6%0D%0AX-Evil:%20yes")
    assert (refused[0], refused[1]["X-Evil"]) == (404, None)


def test_many_readers_at_once_each_get_their_own_part(hub: Any) -> None:
    content = hub.path(FILE).read_bytes()
    got: dict[int, bytes] = {}

    def read(at: int) -> None:
        got[at] = ask(hub, URL, Range=f"bytes={at}-{at + 49_999}")[2]

    threads = [threading.Thread(target=read, args=(at,)) for at in range(0, 300_000, 10_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {at: content[at : at + 50_000] for at in range(0, 300_000, 10_000)}


def test_the_file_is_closed_and_no_longer_read_once_the_reader_left(tmp_path: Path) -> None:
    place = tmp_path / "big.gguf"
    with place.open("wb") as file:
        file.truncate(8 * sending.CHUNK)
    big = HubFile("big.gguf", 8 * sending.CHUNK, "0" * 40, str(place), "0" * 64)
    sent: list[int] = []

    async def leave_after_the_first_chunk() -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, str]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(len(message.get("body", b"")))
            if len(sent) == 2:
                left.set()
                await asyncio.sleep(0)  # lets the reader's end be noticed

        body = bodies.FileBody(big, Span(0, big.size, big.size), 200, {})
        await body({"type": "http", "method": "GET"}, receive, send)

    asyncio.run(leave_after_the_first_chunk())
    assert sent[:2] == [0, sending.CHUNK]
    assert len(sent) < 5
    assert str(place) not in [
        os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.exists()
    ]


def test_a_file_that_shrinks_or_vanishes_between_listing_and_reading(tmp_path: Path) -> None:
    place = tmp_path / "a.gguf"
    listed = HubFile("a.gguf", 100, "0" * 40, str(place), "0" * 64)

    async def give() -> None:
        body = bodies.FileBody(listed, Span(0, 100, 100), 200, {})
        await body({"type": "http", "method": "GET"}, None, None)  # type: ignore[arg-type]

    with pytest.raises(Refusal, match="cannot be read here: No such file"):
        asyncio.run(give())
    place.write_bytes(b"short")
    with pytest.raises(Refusal, match="is being changed here"):
        asyncio.run(give())
