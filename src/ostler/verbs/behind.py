"""Writing what was received while the next bytes come: disk and processor work side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class Behind:
    """The writes of one stream: one at a time, in order, by a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._task: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Return once nothing is being written."""
        self._pool.shutdown()

    def begin(self, write: Callable[[], None]) -> None:
        """Begin a write; the one before is over by then. Raises what that one raised."""
        self.wait()
        self._task = self._pool.submit(write)

    def then(self, do: Callable[[], None]) -> None:
        """Do this too, once what was begun is written, unless that failed."""
        written = self._task

        def after() -> None:
            if written:
                written.result()
            do()

        self._task = self._pool.submit(after)

    def wait(self) -> None:
        """Return when what was begun is written. Raises what stopped it, each time it is asked."""
        if self._task:
            self._task.result()
            self._task = None
