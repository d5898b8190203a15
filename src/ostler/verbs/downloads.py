"""End a download that some process runs, and remove what it left if that is asked."""

from __future__ import annotations

import time

from ostler.errors import Busy
from ostler.nouns import Download
from ostler.store import Store

GRACE = 40.0  # seconds for a download to end: a line without a byte is given up after 30
LOOK_AGAIN = 0.1


def cancel(store: Store, download: Download, purge: bool) -> int:
    """End a download and wait until it has ended; return the bytes freed by `purge`.

    A record of one that had ended already is removed. Raises Busy where it does not end.
    """
    if download.running:
        store.downloads.cancel(download.id)
        _await_end(store, download)
    if not purge:
        if not download.running:
            store.downloads.forget(download.id)
        return 0
    freed = sum(store.partials.purge(key) for key, _ in download.contents)
    store.downloads.forget(download.id)
    return freed


def _await_end(store: Store, download: Download) -> None:
    until = time.monotonic() + GRACE
    while (now := store.downloads.get(download.id)) and now.running:
        if time.monotonic() > until:
            raise Busy(
                f"The download of {download.name} does not end: process {download.pid} on "
                f"{download.host}.",
                hint="End that process; what came so far stays.",
            )
        time.sleep(LOOK_AGAIN)
