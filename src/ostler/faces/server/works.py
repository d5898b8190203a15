"""Work that takes a while, beside the server's loop: begun, watched, cancelled, written down."""

from __future__ import annotations

import asyncio
import platform
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ostler.errors import Cancelled, OstlerError, UnknownJob
from ostler.faces.api.work_schemas import Work
from ostler.nouns import Event, Job
from ostler.store import Store
from ostler.verbs.progress import Progress

AT_ONCE = 2  # pieces of work; more wait, as they would share one disk anyway
REMEMBERED = 100  # pieces that ended
Result = dict[str, Any]
Happened = Callable[[Iterable[Event]], None]


class Telling:
    """How far a piece of work is, told from any thread; and whether somebody wants it to end."""

    def __init__(self, said: Work) -> None:
        self.said = said
        self.ending = threading.Event()
        self.pid: int | None = None  # of the command that does it, where one does
        self.on_ending: Callable[[], None] = lambda: None

    def stage(self, name: str) -> None:
        """Begin the next part. Raises Cancelled where somebody asked for the end."""
        self._check()
        self.said.stage, self.said.done, self.said.total, self.said.note = name, 0, 0, ""

    def report(self, event: Progress) -> None:
        """Take a verb's progress. Raises Cancelled where somebody asked for the end."""
        self._check()
        self.said.done, self.said.total = event.total_done, event.total_size
        self.said.note = event.note or event.path

    def _check(self) -> None:
        if self.ending.is_set():
            raise Cancelled(f"{self.said.kind} of {self.said.model} was cancelled.")


Body = Callable[[Telling], Awaitable[Result]]


class Works:
    """The work of this server, until it ends; and the jobs of other processes on this store."""

    def __init__(self, store: Store, happened: Happened) -> None:
        self._store, self._happened = store, happened
        self._told: dict[str, Telling] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    def begin(self, kind: str, model: str, by: str, body: Body) -> Work:
        """Begin it; where the same runs already, return that. Call it in the server's loop."""
        for telling in self._told.values():
            said = telling.said
            if (said.kind, said.model) == (kind, model) and said.ended is None:
                return said.model_copy()
        id = uuid.uuid4().hex[:8]
        said = Work(id=id, kind=kind, model=model, by=by, state="waiting", began=time.time())
        telling = self._told[id] = Telling(said)
        self._tasks[id] = asyncio.create_task(self._do(telling, body), name=f"{kind} of {model}")
        return said.model_copy()

    def begin_in_thread(
        self, kind: str, model: str, by: str, do: Callable[[Telling], Result]
    ) -> Work:
        """Begin what blocks, in a thread."""

        async def body(telling: Telling) -> Result:
            return await asyncio.to_thread(do, telling)

        return self.begin(kind, model, by, body)

    async def _do(self, telling: Telling, body: Body) -> None:
        said, why, outcome = telling.said, "", "done"
        try:
            async with self._turn:
                telling.stage("")
                said.state = "running"
                said.result = await body(telling)
            said.state = "done"
        except Cancelled:
            said.state = outcome = "cancelled"
        except asyncio.CancelledError:
            if not telling.ending.is_set():
                raise
            said.state = outcome = "cancelled"  # while it waited for its turn
        except OstlerError as error:
            said.state = outcome = "failed"
            said.error, why = error.as_dict(), error.what
        finally:
            said.ended = time.time()
            if said.state in ("waiting", "running"):  # a bug of ours, or the loop's end
                said.state = outcome = "failed"
        facts = {"seconds": round(said.ended - said.began, 3)}
        event = Event(said.kind, said.model, said.by or "", outcome, why=why, facts=facts)
        self._happened([event])
        self._forget()

    def every(self) -> list[Work]:
        """Return this server's work, the newest first, then other processes' jobs. May block."""
        told = list(self._told.values())
        ours = [one.said.model_copy() for one in reversed(told)]
        here = {(platform.node(), one.pid) for one in told if one.said.ended is None}
        others = (one for one in self._store.jobs.all() if (one.host, one.pid) not in here)
        return [*ours, *map(of_job, others)]

    def one(self, id: str) -> Work:
        """Return one piece of work. Raises UnknownJob where there is none. May block."""
        for said in self.every():
            if said.id == id:
                return said
        raise UnknownJob(f"There is no job {id[:40]}.", hint="GET /api/jobs lists them.")

    async def cancel(self, id: str) -> Work:
        """Have a piece of work end, and wait until it has. Raises UnknownJob, Busy."""
        telling = self._told.get(id)
        if telling is None:
            return of_job(await asyncio.to_thread(self._store.jobs.cancel, id))
        telling.ending.set()
        telling.on_ending()
        await asyncio.sleep(0)  # one that was begun just now begins to wait
        if telling.said.state == "waiting":
            self._tasks[id].cancel()  # its turn may be long in coming
        await asyncio.wait({self._tasks[id]})
        return telling.said.model_copy()

    async def close(self) -> None:
        """End what still runs."""
        for telling in self._told.values():
            telling.ending.set()
            telling.on_ending()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _forget(self) -> None:
        ended = [id for id, one in self._told.items() if one.said.ended is not None]
        for id in ended[:-REMEMBERED]:
            del self._told[id], self._tasks[id]


def of_job(job: Job) -> Work:
    """Return a job of another process as work."""
    return Work(
        id=job.id, kind=job.kind, model=job.model, state="running" if job.running else "failed",
        began=job.began, stage=job.stage, done=job.done, total=job.total, unit=job.unit,
        note=job.note or ("" if job.running else "Its process was killed."),
        result={"name": job.result},
    )  # fmt: skip
