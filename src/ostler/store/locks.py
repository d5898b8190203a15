"""Locks between processes, and between threads of one, that die with whoever held them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ostler.errors import Busy
from ostler.store import durable

LOOK_AGAIN = 0.5  # seconds


@contextmanager
def hold(
    path: Path,
    *,
    shared: bool = False,
    wait: bool = True,
    on_wait: Callable[[], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Hold the lock of this file; `on_wait` is called once if somebody else has it.

    `meanwhile` is called every half second of the wait, and ends it by raising.

    The file stays: removing a lock's file lets two hold it at once. Raises Busy without `wait`.
    """
    durable.folder(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        take(fd, shared=shared, wait=wait, on_wait=on_wait, meanwhile=meanwhile, what=path.stem)
        yield
    finally:
        os.close(fd)


def held(path: Path) -> bool:
    """Say whether somebody holds the lock of this file; asking makes no file."""
    if not path.exists():
        return False
    try:
        with hold(path, shared=True, wait=False):
            return False
    except Busy:
        return True


def take(
    fd: int,
    *,
    shared: bool = False,
    wait: bool = True,
    on_wait: Callable[[], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
    what: str = "",
) -> None:
    """Lock an open file until it is closed. Raises Busy without `wait`."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            raise Busy(
                f"Another Ostler process is at work here ({what}).",
                hint="Try again when it is done.",
            ) from None
        if on_wait:
            on_wait()
        if meanwhile:
            _patiently(fd, kind, meanwhile)
        else:
            fcntl.flock(fd, kind)


def _patiently(fd: int, kind: int, meanwhile: Callable[[], None]) -> None:
    while True:
        meanwhile()
        try:
            return fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK_AGAIN)
