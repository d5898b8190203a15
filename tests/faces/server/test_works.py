"""Work beside the server's loop: joined, watched, cancelled, written down."""

from __future__ import annotations

import asyncio
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostler.errors import DamagedModel, UnknownJob
from ostler.faces.api.work_schemas import Work
from ostler.faces.server.works import AT_ONCE, REMEMBERED, Telling, Works
from ostler.nouns import Event, Job
from ostler.store import Store
from ostler.verbs.progress import Progress, Step

PATIENCE = 20.0  # seconds; a thread of a test that failed goes on no longer


class Book(list[Event]):
    """What was written down."""

    def take(self, events: Iterable[Event]) -> None:
        self.extend(events)


class Steady:
    """Work that goes on until it is let go or ended, telling how far it is."""

    def __init__(self) -> None:
        self.let_go, self.begun = threading.Event(), threading.Event()

    def __call__(self, telling: Telling) -> dict[str, Any]:
        done, deadline = 0, time.monotonic() + PATIENCE
        self.begun.set()
        while not self.let_go.wait(0.002) and time.monotonic() < deadline:
            done = min(done + 1, 99)
            telling.report(Progress(Step.PROGRESS, "a.gguf", done, 100, done, 100))
        return {"clean": True}


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


async def until_ended(works: Works, id: str) -> Work:
    await until(lambda: works.one(id).ended is not None)
    return works.one(id)


def test_work_is_joined_watched_and_written_down(tmp_path: Path) -> None:
    async def story() -> None:
        book, steady = Book(), Steady()
        works = Works(Store(tmp_path), book.take)
        first = works.begin_in_thread("verify", "org/a", "key:anna", steady)
        again = works.begin_in_thread("verify", "org/a", "key:ben", steady)
        other = works.begin_in_thread("repair", "org/a", "key:ben", lambda telling: {})
        assert first.id == again.id != other.id
        await until(lambda: works.one(first.id).done > 1)
        said = works.one(first.id)
        assert (said.state, said.total, said.note, said.by) == (
            "running",
            100,
            "a.gguf",
            "key:anna",
        )
        steady.let_go.set()
        assert (await until_ended(works, first.id)).result == {"clean": True}
        await until_ended(works, other.id)
        told = [(e.act, e.subject, e.actor, e.outcome) for e in book if e.act == "verify"]
        assert told == [("verify", "org/a", "key:anna", "done")]
        assert [one.kind for one in works.every()] == ["repair", "verify"]

    asyncio.run(story())


def test_what_runs_is_cancelled_and_what_waits_never_begins(tmp_path: Path) -> None:
    async def story() -> None:
        book = Book()
        works = Works(Store(tmp_path), book.take)
        busy = [Steady() for _ in range(AT_ONCE)]
        running = [
            works.begin_in_thread("verify", f"org/{n}", "api", one) for n, one in enumerate(busy)
        ]
        waiting = works.begin_in_thread("verify", "org/late", "api", Steady())
        await asyncio.to_thread(busy[0].begun.wait, PATIENCE)
        assert works.one(waiting.id).state == "waiting"
        assert (await works.cancel(running[0].id)).state == "cancelled"
        await until(lambda: works.one(waiting.id).state != "waiting")
        await works.close()
        assert {one.state for one in works.every()} == {"cancelled"}
        assert {event.outcome for event in book} == {"cancelled"}
        with pytest.raises(UnknownJob):
            await works.cancel("00000000")

    asyncio.run(story())


def test_what_waits_is_cancelled_though_its_turn_does_not_come(tmp_path: Path) -> None:
    async def story() -> None:
        book = Book()
        works = Works(Store(tmp_path), book.take)
        busy = [Steady() for _ in range(AT_ONCE)]
        running = [
            works.begin_in_thread("verify", f"org/{n}", "api", one) for n, one in enumerate(busy)
        ]
        for late in (True, False):  # one that waits already, and one of this very moment
            waiting = works.begin_in_thread("verify", "org/late", "api", Steady())
            if late:
                await asyncio.to_thread(busy[0].begun.wait, PATIENCE)
            ended = await asyncio.wait_for(works.cancel(waiting.id), PATIENCE)
            assert ended.state == "cancelled"
            assert ended.ended is not None
            assert [works.one(one.id).state for one in running] == ["running"] * AT_ONCE
        await works.close()

    asyncio.run(story())


def test_a_command_s_own_job_is_told_once(tmp_path: Path) -> None:
    """A quantization that the server was asked for is also a job of the process that does it."""

    async def story() -> None:
        store, go_on = Store(tmp_path), Steady()
        works = Works(store, Book().take)

        def do(telling: Telling) -> dict[str, Any]:
            telling.pid = os.getpid()
            return go_on(telling)

        job = Job("0000abcd", "quantize", "org/a", "local/a", platform.node(), os.getpid(), 1, 1)
        other = replace(job, id="0000abce", pid=1)
        with store.jobs.running(job), store.jobs.running(other):
            begun = works.begin_in_thread("quantize", "org/a", "api", do)
            await asyncio.to_thread(go_on.begun.wait, PATIENCE)
            assert [one.id for one in works.every()] == [begun.id, other.id]
            go_on.let_go.set()
            await until_ended(works, begun.id)
            assert {one.id for one in works.every()} == {begun.id, job.id, other.id}

    asyncio.run(story())


def test_a_refusal_is_kept_with_its_words(tmp_path: Path) -> None:
    def wrong(telling: Telling) -> dict[str, Any]:
        raise DamagedModel("a.gguf is not what it was.", hint="Repair it.")

    async def story() -> None:
        book = Book()
        works = Works(Store(tmp_path), book.take)
        said = await until_ended(works, works.begin_in_thread("verify", "org/a", "api", wrong).id)
        assert said.error == {
            "code": "damaged_model", "message": "a.gguf is not what it was.", "hint": "Repair it.",
        }  # fmt: skip
        assert [(event.outcome, event.why) for event in book] == [
            ("failed", "a.gguf is not what it was.")
        ]
        for number in range(REMEMBERED + 5):
            await until_ended(
                works, works.begin_in_thread("verify", f"org/{number}", "api", lambda _: {}).id
            )
        assert len(works.every()) == REMEMBERED

    asyncio.run(story())
