"""What the server writes down: events, requests and measurements; and the keys it reads.

Records are written by threads and in batches, never in the loop that answers. What the server
acknowledges to an operator it has written before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ostler.errors import RecordsUnavailable
from ostler.faces.gateway import messages as m
from ostler.faces.server.keys import in_force
from ostler.nouns import AccessKey, Event, Measurement, Use
from ostler.records.moment import now, today
from ostler.records.records import Records

EVERY = 1.0  # seconds between two batches, and between two looks at the keys
BEREFT = (
    "The records hold no keys any more. Those from before stay in force until one is made "
    "(ostler keys create NAME) or this server ends."
)
BEHIND = 1000  # events that a listener may be late before it is let go


class Ledger:
    """The server's end of the records."""

    def __init__(
        self, records: Records, changed: Callable[[], None], complain: Callable[[str], None]
    ) -> None:
        self.records, self._changed = records, changed
        self.keys: tuple[m.Key, ...] = ()  # those in force, without the server's own
        self.required = False  # whether there ever was a key: then every caller needs one
        self.trouble = ""  # why the records cannot be used now, with what helps
        self._complain = complain
        self.bereft = False  # whether the keys in force are in no record any more
        self._events: list[Event] = []
        self._measured: list[Measurement] = []
        self._uses: dict[tuple[str, str, str], Use] = {}
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._writing = asyncio.Lock()
        self._day = today()  # of the tokens in `keys`
        self._edition: tuple[object, ...] = ()  # of the keys that were read last

    # --- what comes in ----------------------------------------------------------------------

    def happened(self, events: Iterable[Event]) -> None:
        """Take events; they are written with the next batch."""
        self._events += [replace(event, at=event.at or now()) for event in events]

    def measured(self, measurements: Iterable[Measurement]) -> None:
        """Take measurements; they are written with the next batch."""
        self._measured += measurements

    def served(self, done: m.Done) -> None:
        """Count a request that has ended."""
        which = (today(), done.key, done.model)
        use = self._uses.get(which) or Use(*which)
        self._uses[which] = replace(
            use,
            requests=use.requests + 1,
            errors=use.errors + (done.status >= 400),
            prompt_tokens=use.prompt_tokens + (done.prompt_tokens or 0),
            completion_tokens=use.completion_tokens + (done.completion_tokens or 0),
            seconds=use.seconds + done.seconds,
        )

    # --- what is written ----------------------------------------------------------------------

    async def run(self) -> None:
        """Write a batch and look at the keys every second."""
        while True:
            await asyncio.sleep(EVERY)
            with self._complaining():
                await self.keep()
                await self.reload()

    async def keep(self) -> None:
        """Write what has come in; return when it is on the disk. Raises RecordsUnavailable.

        What could not be written stays for the next time.
        """
        async with self._writing:
            events, self._events = self._events, []
            measured, self._measured = self._measured, []
            uses, self._uses = self._uses, {}
            if not (events or measured or uses):
                return
            try:
                kept = await asyncio.to_thread(
                    self.records.add, events, measured, tuple(uses.values())
                )
            except RecordsUnavailable:
                self._events, self._measured = events + self._events, measured + self._measured
                for which, use in uses.items():
                    self._uses[which] = _sum(use, self._uses.get(which))
                raise
        for event in kept:
            self._tell(event)

    async def reload(self) -> None:
        """Read the keys; tell if they are others than before. Raises RecordsUnavailable."""
        day = today()
        edition = (day, await asyncio.to_thread(self.records.keys.edition))
        if edition == self._edition:
            return
        every, tokens = await asyncio.to_thread(self._read_keys)
        if self.keys and not every:  # a revoked key stays in its table: this is another one
            if not self.bereft:
                self._complain(BEREFT)
            self.bereft, self._edition = True, edition
            return
        self.bereft = False
        before = self.keys, self.required
        # What a key used is told when it, or the day, is new: the gateway counts on from there.
        known = {key.sha256: key for key in self.keys if day == self._day}
        self._day, self._edition = day, edition
        self.keys = tuple(known.get(key.sha256, key) for key in in_force(every, tokens))
        self.required = self.required or bool(every)
        if (self.keys, self.required) != before:
            self._changed()

    def _read_keys(self) -> tuple[tuple[AccessKey, ...], dict[str, int]]:
        return self.records.keys.all(), self.records.usage.tokens(today())

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        """Say once that the records cannot be used, and go on: answering matters more."""
        try:
            yield
        except RecordsUnavailable as error:
            trouble = f"{error.what} {error.hint}".strip()
            if not self.trouble:
                self._complain(
                    f"{trouble} Answers go on; what happens meanwhile is kept in memory, and "
                    "written once it can be."
                )
            self.trouble = trouble
        else:
            if self.trouble:
                self._complain("The records can be used again; what was waiting is written.")
            self.trouble = ""

    # --- who listens ----------------------------------------------------------------------

    async def listen(self, after: int | None) -> AsyncIterator[Event]:
        """Yield events as they are written; first those after a number, if one is given."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            last = after or 0
            if after is not None:
                for missed in await asyncio.to_thread(self._after, after):
                    last = missed.id
                    yield missed
            while (heard := await queue.get()) is not None:
                if heard.id > last:
                    yield heard
        finally:
            self._listeners.discard(queue)

    def _after(self, number: int) -> tuple[Event, ...]:
        return self.records.events.since(after=number, limit=BEHIND)

    def _tell(self, event: Event) -> None:
        for queue in list(self._listeners):
            if queue.qsize() < BEHIND:
                queue.put_nowait(event)
            else:  # it can read on from its last number when it comes back
                self._let_go(queue)

    def _let_go(self, queue: asyncio.Queue[Event | None]) -> None:
        self._listeners.discard(queue)
        queue.put_nowait(None)

    def hush(self) -> None:
        """End every listener's stream, so that nobody waits for the server to end."""
        for queue in list(self._listeners):
            self._let_go(queue)

    async def close(self) -> None:
        """Write the last batch and let go of the records."""
        try:
            await self.keep()
        except RecordsUnavailable as error:
            self._complain(f"The last counts and events are lost. {error.what} {error.hint}")
        self.records.close()


def _sum(one: Use, other: Use | None) -> Use:
    if other is None:
        return one
    return Use(
        *(one.day, one.key, one.model, one.requests + other.requests, one.errors + other.errors),
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.seconds + other.seconds,
    )
