"""Bytes by the kernel: whole, in parts, to many at once, and an end that the client can see."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import psutil
import pytest

from ostler.faces.hub.sending import TURN
from ostler.faces.hub.workers import workers

PROGRAM = """
import sys
from pathlib import Path
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.serve import serve
serve(FolderRepos(Path(sys.argv[1])), ready=lambda address: print(address, flush=True))
"""
SIZE = 3 * TURN + 12_345
URL = "/acme/big/resolve/main/big.bin"


@pytest.fixture(scope="module")
def content() -> bytes:
    return Random(3).randbytes(SIZE)


@pytest.fixture(scope="module")
def server(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int, Path]]:
    """The hub as a process, which has the kernel's way; its address, its pid and its folder."""
    root = tmp_path_factory.mktemp("hub")
    (root / "acme/big").mkdir(parents=True)
    (root / "acme/big/big.bin").write_bytes(content)
    (root / "acme/big/empty.txt").write_bytes(b"")
    argv = [sys.executable, "-c", PROGRAM, str(root)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stderr is not None
        yield hub.stdout.readline().strip(), hub.pid, root
        hub.terminate()
        assert hub.stderr.read() == ""


def processes(pid: int) -> list[psutil.Process]:
    """Return the hub's processes."""
    first = psutil.Process(pid)
    return [first, *first.children()]


def memory(hubs: list[psutil.Process]) -> int:
    return sum(hub.memory_info().rss for hub in hubs)


def get(address: str, path: str = URL, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_whole_files_and_ranges(server: tuple[str, int, Path], content: bytes) -> None:
    address = server[0]
    assert get(address) == (200, content)
    assert get(address, Range="bytes=0-0") == (206, content[:1])
    assert get(address, Range=f"bytes={TURN - 5}-{2 * TURN + 5}") == (
        206,
        content[TURN - 5 : 2 * TURN + 6],
    )
    assert get(address, Range="bytes=-10") == (206, content[-10:])
    assert get(address, "/acme/big/resolve/main/empty.txt") == (200, b"")


def test_one_connection_carries_many_answers(server: tuple[str, int, Path], content: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(server[0]).netloc, timeout=20)
    try:
        for at in (0, 100, TURN):
            connection.request("GET", URL, headers={"Range": f"bytes={at}-{at + 99_999}"})
            assert connection.getresponse().read() == content[at : at + 100_000]
        connection.request("HEAD", URL)
        assert connection.getresponse().read() == b""
        connection.request("GET", "/api/models/acme/big")
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def test_requests_that_do_not_wait_for_each_other(
    server: tuple[str, int, Path], content: bytes
) -> None:
    where = urlsplit(server[0])
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        for at, rest in ((10, ""), (20, "Connection: close\r\n")):
            head = f"GET {URL} HTTP/1.1\r\nHost: x\r\nRange: bytes={at}-{at + 8}\r\n{rest}\r\n"
            line.sendall(head.encode())
        said = b""
        while piece := line.recv(65536):
            said += piece
    first, second = said.split(b"HTTP/1.1 206")[1:]
    assert first.endswith(content[10:19])
    assert second.endswith(content[20:29])


def test_many_readers_at_once_in_bounded_memory(
    server: tuple[str, int, Path], content: bytes
) -> None:
    address, pid, _ = server
    expected, hubs = hashlib.sha256(content).digest(), processes(pid)
    before, got = memory(hubs), []
    readers = [
        threading.Thread(target=lambda: got.append(hashlib.sha256(get(address)[1]).digest()))
        for _ in range(24)
    ]
    for reader in readers:
        reader.start()
    peak = before
    while any(reader.is_alive() for reader in readers):
        peak = max(peak, memory(hubs))
        readers[-1].join(0.01)
    assert got == [expected] * 24
    assert peak - before < 24 * 2**20


def test_readers_that_leave_or_stand_still_take_nothing_with_them(
    server: tuple[str, int, Path], content: bytes
) -> None:
    where, pid = urlsplit(server[0]), server[1]
    lines = [socket.create_connection((where.hostname, where.port), timeout=20) for _ in range(5)]
    for line in lines:
        line.sendall(f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(100)
    for line in lines[:4]:
        line.close()
    assert get(server[0]) == (200, content)  # the fifth still stands still
    lines[4].close()
    for _ in range(200):
        opened = [file.path for hub in processes(pid) for file in hub.open_files()]
        if not any("big.bin" in path for path in opened):
            return
        get(server[0], "/api/models/acme/big")
    raise AssertionError("files that nobody reads are still open")


def test_a_file_that_shrinks_is_an_answer_cut_short(server: tuple[str, int, Path]) -> None:
    where, root = urlsplit(server[0]), server[2]
    place = root / "acme/big/shrinks.bin"
    place.write_bytes(os.urandom(64 * 2**20))
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    try:
        connection.request("GET", "/acme/big/resolve/main/shrinks.bin")
        answer = connection.getresponse()
        os.truncate(place, 1000)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    finally:
        connection.close()
        place.unlink()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_all_processes_end_with_the_first(tmp_path: Path, how: signal.Signals) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stdout.readline()
        children = psutil.Process(hub.pid).children()
        hub.send_signal(how)
        assert len(children) == workers() - 1
        assert hub.stdout.read() == ""  # which ends when the last of them has
    assert psutil.wait_procs(children, timeout=10)[1] == []
