"""All work that takes a while, as one list: the running server's, and that of other processes."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ostler import wiring
from ostler.errors import ServerNotRunning, UnknownJob
from ostler.faces.cli import server, show
from ostler.faces.server.address import Found
from ostler.nouns import Job
from ostler.settings import Settings

SOON = 10.0  # seconds; a list is not worth waiting for longer
PULLS = {"requested": "waiting", "downloading": "running", "available": "done"}
ALIVE = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece of work: waiting, running, done, failed, cancelled, or killed with its process."""

    id: str  # of a pull that the server was asked for: the model
    kind: str  # pull, verify, repair, archive, unarchive, quantize, add, sample
    model: str
    result: str  # the name of the model that comes of it; empty: none
    state: str
    running: bool  # it will go on by itself: it runs, or waits for its turn
    stage: str
    done: int
    total: int  # of `unit`; 0: not known
    unit: str
    note: str  # what it is at, or why it failed
    by: str | None  # who asked the server for it: `key:anna`, `api`; null: another process's
    began: float  # seconds since 1970, as `ended`
    ended: float | None
    host: str
    pid: int


def listed(settings: Settings) -> list[Listed]:
    """Return all of it, the oldest first. A server that does not answer is told of and left out."""
    local = {one.id: of_job(one) for one in wiring.store(settings).jobs.all()}
    found = server.running(settings)
    if found is None:
        return list(local.values())
    try:
        works = server.ask(found, "GET", "/api/jobs", patience=SOON)
        pulls = server.ask(found, "GET", "/api/pulls", patience=SOON)
    except ServerNotRunning as silent:
        show.note(f"{silent.what} Its own work is not shown.")
        return list(local.values())
    every = [
        *(local.get(one["id"]) or _of_work(one, found) for one in works),
        *(_of_pull(one, found) for one in pulls),
    ]
    return sorted(every, key=lambda one: one.began)


def cancel(settings: Settings, id: str) -> Listed:
    """End a piece of work, and return it as it was. Raises UnknownJob, Busy."""
    found = server.running(settings)
    chosen = next((one for one in listed(settings) if one.id == id), None)
    if chosen is None:
        raise UnknownJob(f"There is no job {id}.", hint="`ostler jobs` lists them.")
    if chosen.ended is not None:
        raise UnknownJob(f"{id} has ended: {chosen.state}.", hint="`ostler jobs` lists what runs.")
    if chosen.by is None or found is None:
        wiring.store(settings).jobs.cancel(id)
    else:
        path = f"/api/pulls/{id}" if chosen.kind == "pull" else f"/api/jobs/{id}"
        server.ask(found, "DELETE", server.quoted(path))
    return chosen


def of_job(one: Job) -> Listed:
    """Return the job of a process that works on this store."""
    return Listed(
        one.id, one.kind, one.model, one.result, "running" if one.running else "killed",
        one.running, one.stage, one.done, one.total, one.unit, one.note, None, one.began, None,
        one.host, one.pid,
    )  # fmt: skip


def _of_work(one: Mapping[str, Any], found: Found) -> Listed:
    failed = (one["error"] or {}).get("message", "")
    return Listed(
        one["id"], one["kind"], one["model"], (one["result"] or {}).get("name") or "",
        one["state"], one["state"] in ALIVE, one["stage"], one["done"], one["total"],
        one["unit"], failed or one["note"], one["by"] or "api", one["began"], one["ended"],
        platform.node(), found.pid,
    )  # fmt: skip


def _of_pull(one: Mapping[str, Any], found: Found) -> Listed:
    state = PULLS.get(one["status"], one["status"])
    return Listed(
        one["model"], "pull", one["model"], one["model"], state, state in ALIVE, "",
        one["done_bytes"] or 0, one["total_bytes"] or 0, "bytes", one["why"] or "",
        one["by"] or "api", one["asked_at"] or 0.0, one["ended_at"], platform.node(),
        found.pid,
    )  # fmt: skip


def alive(every: list[Listed]) -> Iterator[Listed]:
    """Yield what runs or waits, and what was killed: that needs somebody."""
    return (one for one in every if one.running or one.state == "killed")
