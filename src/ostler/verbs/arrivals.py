"""Fetch single files of repositories on demand, each once however many ask for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ostler.core import plans
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import Busy, HubUnreachable, InsufficientDisk, OstlerError
from ostler.nouns import KeptFile, Listing, RemoteFile
from ostler.ports import Source
from ostler.store import Store
from ostler.store.writing import Buffers
from ostler.verbs import room as rooms
from ostler.verbs.announce import Announcer, one_file
from ostler.verbs.arrive import Arrival
from ostler.verbs.fetch import Fetcher
from ostler.verbs.inspect import check_header
from ostler.verbs.progress import Progress, Step, Tally
from ostler.verbs.pull import manifest_of
from ostler.verbs.receiving import Stopped
from ostler.verbs.stopping import Stop, apart
from ostler.verbs.transfer import BUFFERS

AT_ONCE = 16  # files; a client of the Hub asks for 8


class Arrivals:
    """The files on their way into one store; whoever asks for the same one shares it."""

    def __init__(
        self, source: Source, store: Store, origin: str = "", patience: Patience | None = None
    ) -> None:
        self.source, self.store, self.origin = source, store, origin
        self._patience = patience or Patience()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="arrival")
        self._buffers = Buffers(BUFFERS, BLOCK)  # of all together, so memory is bounded
        self._stops: set[Stop] = set()  # of the downloads that run
        self._closed = False
        self._turns = Turns(store)
        self._under_way: dict[str, Arrival] = {}
        self._lock, self._registering = threading.Lock(), threading.Lock()

    def bring(self, listing: Listing, file: RemoteFile) -> Arrival:
        """Return the file as it arrives, begun by this call unless it is under way."""
        key = plans.key(file)
        with self._lock:
            arrival = self._under_way.get(key)
            if arrival is None:
                arrival = self._under_way[key] = self._arrival(file)
                self._pool.submit(self._receive, listing, file)
        return arrival

    def close(self) -> None:
        """End what runs; what was received stays for the next time."""
        with self._lock:
            self._closed = True
            stops = list(self._stops)
        for stop in stops:
            stop.set()
        self._pool.shutdown(cancel_futures=True)

    def _receive(self, listing: Listing, file: RemoteFile) -> None:
        """Run in a thread of the pool: fetch, prove, register, and say how it ended."""
        try:
            path = self._kept(listing, file)
            self._over(file).finish(path)
        except OstlerError as error:
            self._over(file).fail(error)
        except Stopped:
            self._over(file).fail(Busy("The hub is going down.", hint="Ask again later."))
        except OSError as error:
            where = f"{file.path} could not be written to {self.store.home}"
            refusal = InsufficientDisk(f"{where}: {error.strerror}.", hint="Make room there.")
            self._over(file).fail(refusal)

    def _kept(self, listing: Listing, file: RemoteFile) -> Path:
        with self._turns.held(listing.name):
            if not self.store.kept(file):
                room = rooms.room_for({plans.key(file): file.size}, self.store)
                rooms.require(room, self.store)
            kept = self._fetched(listing, file)
            # between the blob and the manifest that names it no sweep may come
            with self._registering:
                self.store.register(manifest_of(listing, (kept,), self.origin))
        return self.store.blob_path(kept.sha256)

    def _fetched(self, listing: Listing, file: RemoteFile) -> KeptFile:
        """Fetch one file, told in `ostler downloads` and ended from there. Raises Cancelled."""
        source = apart(self.source)
        with self._stoppable(source) as stop:

            def hear(event: Progress) -> None:
                announcer.hear(event)
                self._hear(file, event)

            tally = Tally(file.size, hear)
            download = one_file(listing, file, self.origin)
            announcer = Announcer(self.store.downloads, download, stop, lambda: tally.done)
            with self.store.downloads.running(download.id), announcer.at_work():
                fetcher = Fetcher(
                    *(listing, source, self.store, tally, stop, self._patience, check_header),
                    buffers=self._buffers,
                )
                return fetcher.fetch(file)

    @contextmanager
    def _stoppable(self, source: Source) -> Iterator[Stop]:
        stop = Stop(source)
        with self._lock:
            if self._closed:
                raise Stopped
            self._stops.add(stop)
        try:
            yield stop
        finally:
            with self._lock:
                self._stops.discard(stop)
            stop.set()  # its connections are nobody's any more

    def _hear(self, file: RemoteFile, event: Progress) -> None:
        if event.step is Step.RESTARTED:
            self._part_company(file)
        elif event.step in (Step.PROGRESS, Step.RESUMED):
            self._look(file, self._under_way[plans.key(file)])

    def _arrival(self, file: RemoteFile) -> Arrival:
        return Arrival(file.size, lambda arrival: self._look(file, arrival))

    def _look(self, file: RemoteFile, arrival: Arrival) -> None:
        """Let readers have what the journal proves."""
        key = plans.key(file)
        with contextlib.suppress(FileNotFoundError):  # it has just become a blob
            part = self.store.partials.root / f"{key}.part"
            arrival.grow(self.store.partials.size(key), part)

    def _part_company(self, file: RemoteFile) -> None:
        """What readers were given so far may be wrong: cut them off, serve new ones anew."""
        key = plans.key(file)
        with self._lock:
            before, self._under_way[key] = self._under_way[key], self._arrival(file)
        before.fail(HubUnreachable(f"{file.path} starts over.", hint="Ask again."))

    def _over(self, file: RemoteFile) -> Arrival:
        with self._lock:
            return self._under_way.pop(plans.key(file))


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    holding: ExitStack = field(default_factory=ExitStack)


class Turns:
    """A repository's lock, held once for all of its files that arrive at the same time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns: dict[str, _Turn] = {}
        self._lock = threading.Lock()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock with others of this process; another process is waited for."""
        with self._lock:
            turn = self._turns.setdefault(name, _Turn())
        with turn.lock:
            if turn.count == 0:
                turn.holding.enter_context(self._store.pulling(name))
            turn.count += 1
        try:
            yield
        finally:
            with turn.lock:
                turn.count -= 1
                if turn.count == 0:
                    turn.holding.close()
