"""What a terminal shows while nothing comes yet: what is waited for, and since when."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ostler.core.sizes import duration

AFTER = 1.0  # seconds; what is quicker needs no word
EVERY = 0.2
TURNS = "⠋⠙⠸⠴⠦⠇"


@contextmanager
def waiting(doing: str, about: float | None = None) -> Iterator[None]:
    """Show after a second what is waited for, and what it takes if that is known; then erase it.

    Only where somebody watches. Nothing may be printed meanwhile.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(doing, about, over), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(doing: str, about: float | None, over: threading.Event) -> None:
    began, turn = time.monotonic(), 0
    if over.wait(AFTER):
        return
    while not over.wait(EVERY):
        took = duration(round(time.monotonic() - began))
        of = f" of about {duration(about)}" if about is not None else ""
        text = f"{TURNS[turn % len(TURNS)]} {doing}: {took}{of}"
        sys.stderr.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()
        turn += 1
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
