"""Downloads that callers asked for: each is `ostler pull` in a process of its own.

So every rule of a pull holds here too (allowed sources, licences, formats, room on the disk), and
hashing takes no time from the keeper's loop. A private token goes by the environment, which only
the owner of a process can read, and is kept nowhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ostler.core.naming import Named, find
from ostler.core.refs import parse
from ostler.errors import UnknownModel, UsageError
from ostler.faces.api.lamini import Downloaded, Kind
from ostler.faces.server import commands
from ostler.nouns import Task

AT_ONCE = 2  # downloads; more wait, as they would share one line to the hub anyway
REST_SECONDS = 30.0  # a download that failed is tried again when it is asked for after so long


@dataclass
class Wish:
    """What was asked for and how far it is."""

    name: str
    kind: str
    by: str
    since: float
    status: str = "requested"
    error: str | None = None
    task: asyncio.Task[None] | None = None
    attempts: int = 0
    ended: float | None = None


class Downloads:
    """Downloads of this server, until it ends; what is kept afterwards, the store knows."""

    def __init__(
        self,
        home: Path,
        kept: Callable[[], Sequence[Named]],
        task: Callable[[Named], Task],
        env: Mapping[str, str],
        arrived: Callable[[], Awaitable[None]],
    ) -> None:
        """`arrived` is awaited before a download is called available: then it can be asked for."""
        self._kept, self._task, self._arrived = kept, task, arrived
        self._env = {**env, "OSTLER_HOME": str(home)}
        self.wishes: dict[str, Wish] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def want(
        self, name: str, kind: str, token: str | None, by: str, *, accept: bool = False,
        again: bool = False,
    ) -> Downloaded:  # fmt: skip
        """Have a model downloaded. Raises BadRef and UsageError for what is no name.

        `accept` accepts its licence, on record; with `again` a failure needs no rest.
        """
        if name.startswith("-") or parse(name).source != "hf":
            raise UsageError(f"{name[:200]!r} is no model of a hub.", hint="Write org/name.")
        found = find(self._kept(), name)
        if found is not None:
            self.wishes.pop(name, None)
            return self._available(found)
        wish = self.wishes.get(name)
        if wish is None or _may_try_again(wish) or (again and wish.status == "failed"):
            tried = wish.attempts if wish else 0
            wish = self.wishes[name] = Wish(name, kind, by, time.time(), attempts=tried + 1)
            self._begin(wish, token, accept)
        return _asked(wish)

    def _begin(self, wish: Wish, token: str | None, accept: bool) -> None:
        pull = self._pull(wish, token, accept)
        task = asyncio.create_task(pull, name=f"download of {wish.name}")
        wish.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pull(self, wish: Wish, token: str | None, accept: bool) -> None:
        words = ("pull", wish.name, "--json", *(("--accept-licence",) if accept else ()))
        async with self._turn:
            wish.status = "downloading"
            env = self._env | ({"HF_TOKEN": token} if token else {})
            code, rest = await commands.run(words, env)
        if code == 0:
            await self._arrived()
        else:
            wish.error = str(commands.refusal(rest).get("message"))
        wish.ended = time.time()
        wish.status = "available" if code == 0 else "failed"

    async def known(self) -> Sequence[Downloaded]:
        """List what is kept, then what was asked for and is not kept (yet)."""
        here = [self._available(named) for named in self._kept()]
        names = {one.model_name for one in here}
        return [*here, *(_asked(wish) for wish in self.wishes.values() if wish.name not in names)]

    def _available(self, named: Named) -> Downloaded:
        embeds = self._task(named) is Task.EMBED
        return Downloaded(
            model_name=named.manifest.name,
            model_type=Kind.EMBEDDING if embeds else Kind.TRANSFORMER,
            status="available",
            model_id=named.id,
            is_public=not named.manifest.private,
        )

    async def end(self, name: str) -> Wish:
        """End a download; what it has fetched is kept. Raises UnknownModel where nobody asked."""
        wish = self.wishes.get(name)
        if wish is None:
            raise UnknownModel(f"Nobody asked for {name[:200]!r}.", hint="POST /api/pulls")
        if wish.task is not None and not wish.task.done():
            wish.task.cancel()
            await asyncio.wait({wish.task})
            wish.status, wish.ended = "cancelled", time.time()
        return wish

    async def close(self) -> None:
        """End what still runs; what it has fetched is kept, and a later pull goes on with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _may_try_again(wish: Wish) -> bool:
    if wish.status == "available":  # kept once, and removed since
        return True
    if wish.status == "cancelled":
        return True
    return wish.status == "failed" and time.time() - (wish.ended or 0) > REST_SECONDS


def _asked(wish: Wish) -> Downloaded:
    return Downloaded(
        model_name=wish.name,
        model_type=Kind(wish.kind),
        status=wish.status,
        model_id=wish.name,
        user_id=wish.by,
        creation_ts=int(wish.since),
        prev_download_ts=int(wish.ended) if wish.ended else None,
        prev_download_error=wish.error,
        download_attempts=wish.attempts,
    )


def environment() -> Mapping[str, str]:
    """Return what a download's process is to know of ours."""
    return dict(os.environ)
