"""Remove a container when whoever started it dies: `python -I -S reaper.py SOCKET ID`.

A container is no child of ours, so no signal reaches it when we are killed. What does reach this
program is the end of its input, which the kernel closes with us. A line before that end says that
the container has gone already. With `OSTLER_LINGER` (see `lingering`) another one of us may take
the container over first, and then its death counts.
"""

from __future__ import annotations

import os
import socket
import sys
import time

LOOK_EVERY = 1.0  # seconds
TRIES, PAUSE = 20, 0.5  # the server of containers may be restarting


def main(argv: list[str]) -> None:
    """Wait for the end of the input, then remove the container."""
    path, container = argv
    if sys.stdin.buffer.readline():
        return
    linger()
    for _ in range(TRIES):
        if removed(path, container):
            return
        time.sleep(PAUSE)
    sys.exit(f"ostler: the container {container[:12]} could not be removed")


def linger() -> None:
    """Wait until nobody answers for the container any more, if we are to wait at all."""
    import importlib.util

    if not os.environ.get("OSTLER_LINGER"):
        return
    place = os.path.join(os.path.dirname(__file__), "lingering.py")
    spec = importlib.util.spec_from_file_location("lingering", place)
    assert spec is not None
    assert spec.loader is not None
    lingering = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lingering)
    left = lingering.from_environment()
    while not left.is_over():
        time.sleep(LOOK_EVERY)


def removed(path: str, container: str) -> bool:
    """Ask the server of containers to kill and remove it; True once it has gone."""
    ask = (
        f"DELETE /containers/{container}?force=true&v=true HTTP/1.1\r\n"
        "Host: docker\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    try:
        with socket.socket(socket.AF_UNIX) as way:
            way.settimeout(60)
            way.connect(path)
            way.sendall(ask.encode())
            first = way.makefile("rb").readline().split()
    except OSError:
        return False
    return len(first) > 1 and first[1] in (b"204", b"200", b"404")


if __name__ == "__main__":
    main(sys.argv[1:])
