"""Jobs on kept models: `jobs/<id>/`, where each works, told by whoever runs it.

A job is alive while somebody holds its lock, which dies with its process. Nothing in its folder
counts before the result is registered, so the folder of a job that was killed is simply removed.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from ostler.errors import Busy, UnknownJob
from ostler.nouns import Job
from ostler.store import durable, locks

_ID = re.compile(r"[0-9a-f]{8}")
GRACE = 20.0  # seconds for a cancelled job to end
LOOK_AGAIN = 0.1


class Jobs:
    """The jobs of one store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def all(self) -> list[Job]:
        """Return every job that runs or was killed, the oldest first."""
        found = [self.get(path.name) for path in self.root.glob("*") if _ID.fullmatch(path.name)]
        return sorted((one for one in found if one), key=lambda one: one.began)

    def get(self, id: str) -> Job | None:
        """Return one job; None where there is none, or where its record is damaged."""
        if not _ID.fullmatch(id):
            return None
        try:
            raw = json.loads((self.root / id / "job.json").read_bytes())
            return replace(Job(**raw), running=locks.held(self._lock(id)))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @contextmanager
    def running(self, job: Job) -> Iterator[Path]:
        """Be this job; give the folder to work in, which is removed at the end, whatever it was.

        Raises Busy where the same job runs already.
        """
        with locks.hold(self._lock(job.id), wait=False):
            self._remove(job.id)
            self.tell(job)
            try:
                yield self.root / job.id
            finally:
                self._remove(job.id)

    def tell(self, job: Job) -> None:
        """Write down how far a job is; it is never trusted."""
        said = json.dumps(asdict(replace(job, told=time.time(), running=False)))
        durable.tell(self.root / job.id / "job.json", said)

    def cancelled(self, id: str) -> bool:
        """Say whether somebody asked this job to end."""
        return (self.root / id / "cancel").exists()

    def cancel(self, id: str) -> Job:
        """Ask a job to end and wait until it has; remove what a killed one left.

        Raises UnknownJob where there is none, Busy where it does not end.
        """
        job = self.get(id)
        if job is None:
            raise UnknownJob(f"There is no job {id}.", hint="`ostler jobs` lists them.")
        if not job.running:
            self._remove(id)
            return job
        with suppress(FileNotFoundError):  # it has just ended
            (self.root / id / "cancel").touch(mode=0o600)
        until = time.monotonic() + GRACE
        while locks.held(self._lock(id)):
            if time.monotonic() > until:
                raise Busy(f"{id} does not end: process {job.pid} on {job.host}.", hint="End that.")
            time.sleep(LOOK_AGAIN)
        return job

    def sweep(self) -> list[Job]:
        """Remove what killed jobs left; return them."""
        dead = [one for one in self.all() if not one.running]
        for one in dead:
            self._remove(one.id)
        return dead

    def _remove(self, id: str) -> None:
        shutil.rmtree(self.root / id, ignore_errors=True)

    def _lock(self, id: str) -> Path:
        return self.root / f"{id}.lock"
