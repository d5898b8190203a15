"""`python -m ostler` and the command `ostler`."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress

from ostler.faces.cli.app import main as run

LEAVING: list[int] = []  # the exit code, once the command has ended by itself


def main() -> None:
    """Run the command line and end the process with its exit code."""
    atexit.register(_leave)  # registered first, called last
    try:
        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            LEAVING.append(end.code or 0)
        raise


def _leave() -> None:
    """End the process at once: Python would free each object first, which takes 60 ms."""
    if LEAVING:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or its reader is gone
                stream.flush()
        os._exit(LEAVING[0])


if __name__ == "__main__":
    main()
