"""A program for tests of launchers: it does what its arguments say and holds a named pipe open.

`python puppet.py PIPE [--deaf] [--child] [--daemon] [--exit N]`. It writes "ready" into the pipe.
Its children inherit the pipe, so the pipe's reader sees the end only when nothing of it is left.
"""

from __future__ import annotations

import os
import signal
import sys


def main(argv: list[str]) -> None:
    """Obey the arguments, then wait for a signal."""
    pipe = os.open(argv[0], os.O_WRONLY)
    os.set_inheritable(pipe, True)
    if "--deaf" in argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--child" in argv:
        beget(own_session=False)
    if "--daemon" in argv:
        beget(own_session=True)
    sys.stdout.write("the puppet speaks\n")
    sys.stdout.flush()
    os.write(pipe, b"ready\n")
    if "--exit" in argv:
        os._exit(int(argv[argv.index("--exit") + 1]))
    while True:
        signal.pause()


def beget(own_session: bool) -> None:
    """Start a child that holds the pipe and never ends by itself."""
    ready, told = os.pipe()
    if os.fork() == 0:
        if own_session:
            os.setsid()
        os.write(told, b"!")
        while True:
            signal.pause()
    os.read(ready, 1)


if __name__ == "__main__":
    main(sys.argv[1:])
