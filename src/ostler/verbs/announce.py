"""A running download tells the store where it stands, and hears whether it is cancelled."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ostler.core import plans
from ostler.core.rates import Rate
from ostler.errors import Cancelled, OstlerError
from ostler.nouns import Download, Listing, PullPlan, RemoteFile
from ostler.store.downloads import Downloads, id_of
from ostler.verbs.progress import Progress, Step

EVERY = 0.5  # seconds between two records


def described(plan: PullPlan, words: tuple[str, ...]) -> Download:
    """Return the record of a pull that is about to begin."""
    now = time.time()
    contents = {plans.key(one.file): one.file.size for one in plan.fetch}
    return Download(
        id=id_of(plan.listing.name, plan.listing.commit, plan.variant),
        name=plan.listing.name,
        commit=plan.listing.commit,
        variant=plan.variant,
        words=words or (plan.listing.name,),
        host=platform.node(),
        pid=os.getpid(),
        began=now,
        told=now,
        done=plan.total_bytes - plan.fetch_bytes,
        total=plan.total_bytes,
        contents=tuple(contents.items()),
    )


def one_file(listing: Listing, file: RemoteFile, origin: str) -> Download:
    """Return the record of one file's download, that somebody asked a mirror for."""
    now = time.time()
    words = [f"{listing.name}@{listing.commit}", "--include", file.path]
    return Download(
        id=id_of(listing.name, listing.commit, file.path),
        name=listing.name,
        commit=listing.commit,
        variant=file.path,
        words=(*words, *(("--endpoint", origin) if origin else ())),
        host=platform.node(),
        pid=os.getpid(),
        began=now,
        told=now,
        done=0,
        total=file.size,
        contents=((plans.key(file), file.size),),
    )


class Announcer:
    """Keeps one record up to date from a thread of its own, so that a stall shows too."""

    def __init__(
        self,
        downloads: Downloads,
        download: Download,
        stop: threading.Event,
        done: Callable[[], int],
    ) -> None:
        self._downloads, self._download, self._stop = downloads, download, stop
        self._done = done  # asked, since not every step is reported
        self._rate = Rate()
        self._over = threading.Event()
        self.cancelled = False

    def hear(self, event: Progress) -> None:
        """Take note of a progress event; called from any thread."""
        state = "paused" if event.step is Step.PAUSED else "running"
        note = event.note if event.step in (Step.PAUSED, Step.RETRY) else ""
        self._download = replace(self._download, state=state, note=note)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Tell the store until the download ends; remove the record where all went well.

        Raises Cancelled where somebody asked for that.
        """
        thread = threading.Thread(target=self._watch, name="announce", daemon=True)
        thread.start()
        try:
            yield
        except OstlerError as error:
            self._end(thread, "failed", error.what)
            raise
        except BaseException:
            self._end(thread, "cancelled" if self.cancelled else "stopped", "")
            if self.cancelled:
                raise _cancelled(self._download) from None
            raise
        self._end(thread, "", "")
        self._downloads.forget(self._download.id)

    def _end(self, thread: threading.Thread, state: str, note: str) -> None:
        self._over.set()
        thread.join()
        if state:
            self._tell(state=state, note=note, rate=None)

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._rate = self._rate.at(time.time(), self._done())
            self._tell(rate=self._rate.value)
            if self._downloads.cancelled(self._download.id):
                self.cancelled = True
                self._stop.set()

    def _tell(self, **news: Any) -> None:
        now = replace(self._download, told=time.time(), done=self._done(), **news)
        self._downloads.tell(now)


def _cancelled(download: Download) -> Cancelled:
    return Cancelled(
        f"The download of {download.name} was cancelled.",
        hint=f"ostler downloads resume {download.id}",
        id=download.id,
    )


def joined(downloads: Downloads, name: str, tell: Callable[[Progress], None]) -> None:
    """Show the progress of whoever pulls this repository now; one look."""
    for one in downloads.all():
        if one.running and one.name == name:
            tell(Progress(Step.PROGRESS, "", one.done, one.total, one.done, one.total, one.note))
