"""What stands between a client and a hub: a proxy, and an authority that nobody else knows."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate for 127.0.0.1 and of its key; no system trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    chain, key = folder / "hub.pem", folder / "hub.key"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-nodes", "-days", "1"]
    also = ["-subj", "/CN=hub", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(chain)]
    subprocess.run(["openssl", *words, *also, *files], check=True, capture_output=True)
    return chain, key


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Run an HTTP proxy; give its address and the request lines that it was sent."""
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, lines))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, lines: list[str]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, lines), daemon=True).start()


def _serve(client: socket.socket, lines: list[str]) -> None:
    """Pass on one connection, to one server: a tunnel, or requests with whole addresses."""
    with client, suppress(OSError, ValueError):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        line, _, rest = head.partition(b"\r\n")
        lines.append(line.decode("latin-1"))
        method, target, version = line.decode("latin-1").split()
        tunnel = method == "CONNECT"
        where = urlsplit(f"//{target}" if tunnel else target)
        with socket.create_connection((where.hostname or "", where.port or 80)) as server:
            if tunnel:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = f"{where.path or '/'}{'?' + where.query if where.query else ''}"
                fields = b"\r\n".join(
                    one for one in rest.split(b"\r\n") if not one.lower().startswith(b"connection:")
                )
                asked = f"{method} {path} {version}\r\nConnection: close\r\n".encode("latin-1")
                server.sendall(asked + fields)
            back = threading.Thread(target=_pump, args=(client, server), daemon=True)
            back.start()
            _pump(server, client)
            back.join(1)


def _pump(origin: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := origin.recv(65536):
            target.sendall(piece)
    for one in (origin, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
