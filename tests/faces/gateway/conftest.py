"""A real gateway process between scripted sockets: the test plays caller, engine and keeper."""

from __future__ import annotations

import hashlib
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ostler.faces.gateway.messages import (
    Backend,
    Busy,
    Idle,
    Key,
    Lines,
    Model,
    Ready,
    Refuse,
    Table,
    ToKeeper,
    encode,
    read_by_keeper,
)

PATIENCE = 10.0  # seconds until a test that waits for bytes fails


class Wire:
    """One end of a connection, read and written by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.rest = b""
        self.unsent = b""  # the part of a piece that did not go out

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def until(self, mark: bytes) -> bytes:
        while mark not in self.rest:
            more = self.sock.recv(1 << 20)
            assert more, f"the connection ended before {mark!r}: {self.rest!r}"
            self.rest += more
        head, _, self.rest = self.rest.partition(mark)
        return head + mark

    def exactly(self, size: int) -> bytes:
        while len(self.rest) < size:
            more = self.sock.recv(1 << 20)
            assert more, f"the connection ended {size - len(self.rest)} bytes early"
            self.rest += more
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def message(self, *, bodiless: bool = False) -> Heard:
        head = self.until(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(b":") for line in lines)]
        heard = Heard(first, headers)
        if bodiless:
            return heard
        if heard.get(b"transfer-encoding") == b"chunked":
            while size := int(self.until(b"\r\n"), 16):
                heard.chunks.append(self.exactly(size))
                assert self.exactly(2) == b"\r\n"
            assert self.until(b"\r\n") == b"\r\n"
        else:
            heard.chunks.append(self.exactly(int(heard.get(b"content-length") or 0)))
        return heard

    def to_the_end(self) -> bytes:
        """Everything up to a clean end. Raises ConnectionResetError where it is reset."""
        while more := self.sock.recv(1 << 20):
            self.rest += more
        data, self.rest = self.rest, b""
        return data

    def is_gone(self) -> bool:
        """Wait for the other side to end or reset the connection."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        linger = (1).to_bytes(4, sys.byteorder) + (0).to_bytes(4, sys.byteorder)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Heard:
    """A request or an answer as it came over the wire."""

    def __init__(self, first: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.first = first
        self.headers = headers
        self.chunks: list[bytes] = []

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def status(self) -> int:
        return int(self.first.split()[1])

    @property
    def error(self) -> dict[str, Any]:
        error = msgspec.json.decode(self.body)["error"]
        assert isinstance(error, dict)
        return error

    def get(self, name: bytes) -> bytes | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name!r} came {len(values)} times"
        return values[0] if values else None


class Puppet:
    """A backend whose every move the test makes."""

    def __init__(self, name: str, listening: socket.socket) -> None:
        self.name = name
        self.listening = listening
        self.listening.settimeout(PATIENCE)
        self.wires: list[Wire] = []

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def backend(self, **kinds: Any) -> Backend:
        return Backend(self.name, "127.0.0.1", self.port, **kinds)

    def accept(self) -> Wire:
        self.wires.append(Wire(self.listening.accept()[0]))
        return self.wires[-1]

    def close(self) -> None:
        self.listening.close()
        for wire in self.wires:
            wire.close()


class Gateway:
    """The child process, its keeper's end, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = self.listening.getsockname()
        self.keeper, theirs = socket.socketpair()
        self.keeper.settimeout(PATIENCE)
        self.errors = (folder / "stderr").open("w+b")
        fds = (self.listening.fileno(), theirs.fileno())
        words = ["--listen-fd", str(fds[0]), "--control-fd", str(fds[1])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ostler.faces.gateway", *words],
            pass_fds=fds,
            stderr=self.errors,
        )
        theirs.close()
        self.lines = Lines()
        self.said: list[ToKeeper] = []
        self.tables = 0
        self.callers: list[Wire] = []
        self.counts: dict[str, int] = {}

    # --- as the keeper ---

    def tell(self, message: Table | Refuse) -> None:
        self.keeper.sendall(encode(message))

    def table(self, models: dict[str, Model], secret: bytes = b"", **fields: Any) -> None:
        """Send a table and come back once it is in force."""
        self.tables += 1
        probe = f"probe-{self.tables}"
        fields.setdefault("control_socket", str(self.folder / "none"))
        self.tell(Table(models={**models, probe: Model("loading")}, **fields))
        asking = post({"model": probe}, b"Prefer: wait=0\r\n" + secret)
        while self.ask(asking).status in (401, 404):
            pass

    def hear(self, wanted: Callable[[ToKeeper], bool]) -> ToKeeper:
        """Return the next message of this kind, in the order of arrival."""
        while True:
            for index, message in enumerate(self.said):
                if wanted(message):
                    del self.said[index]
                    return message
            self.listen()

    def listen(self) -> None:
        """Take in what the gateway says next."""
        for line in self.lines.feed(self.keeper.recv(1 << 16)):
            message = read_by_keeper(line)
            self.said.append(message)
            if isinstance(message, Busy | Idle):
                step = 1 if isinstance(message, Busy) else -1
                self.counts[message.backend] = self.counts.get(message.backend, 0) + step
                assert self.counts[message.backend] in (0, 1), "Busy and Idle alternate"

    def is_busy(self, backend: str) -> bool:
        """Say whether the last that was heard of a backend is that it is busy."""
        while select.select([self.keeper], [], [], 0.01)[0]:
            self.listen()
        return self.counts.get(backend, 0) == 1

    def hear_a(self, kind: type[Any], **fields: Any) -> Any:
        return self.hear(
            lambda m: isinstance(m, kind) and all(getattr(m, k) == v for k, v in fields.items())
        )

    # --- as a caller ---

    def connect(self) -> Wire:
        self.callers.append(Wire(socket.create_connection(self.address)))
        return self.callers[-1]

    def hang_up(self) -> None:
        """Close every caller's connection."""
        for wire in self.callers:
            wire.close()
        self.callers.clear()

    def ask(self, data: bytes) -> Heard:
        wire = self.connect()
        wire.send(data)
        answer = wire.message()
        wire.close()
        return answer

    def memory(self) -> int:
        """Resident bytes of the process."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096

    def end(self) -> None:
        self.keeper.close()
        assert self.process.wait(PATIENCE) == 0
        self.listening.close()
        self.errors.seek(0)
        complaints = self.errors.read().decode()
        self.errors.close()
        assert complaints == ""


def post(
    body: Any, headers: bytes = b"", path: bytes = b"/v1/chat/completions", version: bytes = b"1.1"
) -> bytes:
    """A POST of JSON, or of bytes as they are."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    head = b"POST %b HTTP/%b\r\nHost: h\r\nContent-Length: %d\r\n" % (path, version, len(data))
    return head + headers + b"\r\n" + data


def ok(body: bytes, headers: bytes = b"Content-Type: application/json\r\n") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (headers, len(body)) + body


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"tok"}}]}\n\n'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def key(text: str) -> Key:
    return Key(hashlib.sha256(text.encode()).hexdigest(), "a friend")


def soon(what: Callable[[], bool]) -> bool:
    """Ask again and again until it is so or patience ends."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.002)
    return False


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("gateway"))
    running.hear_a(Ready)
    yield running
    running.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Gateway]:
    """A worker of the test's own, which may end."""
    running = Gateway(tmp_path)
    assert running.hear_a(Ready).pid == running.process.pid
    yield running
    running.hang_up()
    running.end()


@pytest.fixture(autouse=True)
def hang_up(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "gateway" in request.fixturenames:
        request.getfixturevalue("gateway").hang_up()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    puppet = Puppet(request.node.name, socket.create_server(("127.0.0.1", 0)))
    yield puppet
    puppet.close()


@pytest.fixture
def second(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    puppet = Puppet(request.node.name + " 2", socket.create_server(("127.0.0.1", 0)))
    yield puppet
    puppet.close()


@pytest.fixture
def control(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[Puppet]:
    listening = socket.socket(socket.AF_UNIX)
    path = str(gateway.folder / f"c{abs(hash(request.node.name)) % 10**8}")
    listening.bind(path)
    listening.listen()
    puppet = Puppet(path, listening)
    yield puppet
    puppet.close()
