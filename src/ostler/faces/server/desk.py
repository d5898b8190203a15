"""What the control API asks of the server, answered from what the keeper holds."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ostler.core import fleet as f
from ostler.faces.api.schemas import (
    Deployment,
    Estimated,
    Loaded,
    LoadEstimate,
    Model,
    Pull,
    ServerState,
    Wished,
)
from ostler.faces.server import describing, edits, estimating
from ostler.faces.server.address import Found
from ostler.faces.server.books import Books
from ostler.faces.server.deployments import every
from ostler.faces.server.directory import Directory
from ostler.faces.server.dispatch import Dispatch
from ostler.faces.server.downloads import Downloads
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.logs import Logs
from ostler.faces.server.operator import Operator
from ostler.faces.server.pulls import Pulls
from ostler.faces.server.stock import Stock
from ostler.faces.server.watch import Watch
from ostler.version import __version__


class Desk:
    """Where operators and their programs ask."""

    def __init__(
        self,
        hands: ServerHands,
        directory: Directory,
        dispatch: Dispatch,
        operator: Operator,
        books: Books,
        downloads: Downloads,
        found: Found,
        shut_down: Callable[[], None],
        watch: Watch,
        looked: Callable[[], Awaitable[None]],
    ) -> None:
        """`looked` has the server see at once what has changed in the store."""
        self.books, self.downloads, self.shut_down = books, downloads, shut_down
        self._hands, self._directory, self._dispatch = hands, directory, dispatch
        self._operator, self._found, self._watch = operator, found, watch
        self._keeper = dispatch.keeper
        self._pulls = Pulls(downloads, hands.settings)
        self.stock = Stock(hands, self._states, books.ledger, looked)
        self.logs = Logs(hands.settings)
        self._shows_pages = hands.settings.dashboard
        self._began = time.monotonic()

    def canonical(self, name: str) -> str:
        """Return the id of the model that a name means. Raises UnknownModel."""
        return self._directory.canonical(name)

    def models(self) -> Sequence[Model]:
        return self._directory.listed(self._keeper, time.monotonic())

    def running(self) -> Sequence[Loaded]:
        units = self._keeper.fleet.units.values()
        return [self._loaded(u.id) for u in units if u.state is not f.State.STOPPED]

    def _states(self) -> Mapping[str, str]:
        """What the fleet holds, by the model's id; of several replicas the best counts."""
        units = sorted(self._keeper.fleet.units.values(), key=lambda u: u.state is f.State.READY)
        return {unit.model: unit.state.value for unit in units}

    def _loaded(self, unit: str) -> Loaded:
        return describing.loaded(self._keeper, unit, self._dispatch.requests, time.monotonic())

    def state(self) -> ServerState:
        fleet, now = self._keeper.fleet, time.monotonic()
        flaws = (
            *self._operator.flaws, *self._directory.flaws(), *self._hands.catalogue.faults,
            *describing.unmet(fleet), *describing.unlike_wishes(self._keeper, self._hands.wish),
            *self.books.troubles(),
        )  # fmt: skip
        return ServerState(
            version=__version__,
            pid=os.getpid(),
            address=self._found.address,
            home=str(self._hands.settings.home),
            dashboard=self._found.dashboard if self._shows_pages else None,
            seconds=round(now - self._began, 1),
            devices=describing.devices(self._hands, fleet, self._watch.devices),
            pools=describing.pools(fleet),
            waiting=[fleet.unit(id).model for id in fleet.waiting],
            loading=describing.loading(fleet),
            warnings=[*describing.warnings(fleet, flaws, now), *self._watch.warnings],
        )

    async def load(self, name: str, seconds: float | None = None) -> Loaded:
        model = self.canonical(name)
        await self._dispatch.until_ready(model, seconds)
        return self._loaded(model)

    async def unload(self, name: str, force: bool) -> Loaded:
        model = self.canonical(name)
        tasks = [
            life.task
            for id, life in self._keeper.lives.items()
            if life.task and self._keeper.fleet.unit(id).model == model
        ]
        busy = any(unit.busy for unit in self._keeper.fleet.all_units(model))
        self._keeper.stop(model, force)
        if tasks and (force or not busy):
            await asyncio.wait(tasks)
        return self._loaded(model)

    def begin(self, name: str) -> None:
        """Have a model loaded; nobody waits for it."""
        self._keeper.load(self.canonical(name))

    def deployments(self) -> Sequence[Deployment]:
        return every(self._keeper, self._hands, self._directory, self.running())

    async def estimated(self, name: str, asked: dict[str, object]) -> Estimated:
        named = self._hands.catalogue.get(self.canonical(name))
        return await estimating.estimated(named, self._hands, asked)

    async def estimate(self, name: str) -> LoadEstimate:
        model = self.canonical(name)
        fitting = await self._hands.size(model, less=False)
        return LoadEstimate(
            id=model,
            engine=fitting.engine,
            memory_bytes=fitting.needs,
            context=fitting.context,
            devices=list(fitting.devices),
            seconds=round(fitting.reload_seconds, 1),
        )

    # --- downloads --------------------------------------------------------------------------

    async def pull(
        self, name: str, token: str | None, by: str, *, accept: bool = False, again: bool = False
    ) -> Pull:
        await self.downloads.want(name, "transformer", token, by, accept=accept, again=again)
        return await self._pulls.one(name)

    async def pulls(self) -> Sequence[Pull]:
        return await self._pulls.every()

    async def end_pull(self, name: str) -> Pull:
        await self.downloads.end(name)
        return await self._pulls.one(name)

    # --- the operator's wishes -------------------------------------------------------------

    def wished(self) -> Wished:
        wishes = self._hands.wishes
        return Wished(
            path=str(self._operator.path),
            preload=list(self._keeper.fleet.wishes.preload),
            wishes=wishes.model_dump(mode="json", exclude_defaults=True),
            unmet=[
                *self._operator.flaws,
                *self._directory.flaws(),
                *describing.unmet(self._keeper.fleet),
            ],
        )

    def preload(self, models: Sequence[str]) -> Wished:
        return self._change(edits.preload([self.canonical(name) for name in models]))

    def pin(self, name: str, pinned: bool) -> Wished:
        model = self.canonical(name)
        own_name = self._hands.catalogue.own_name
        return self._change(edits.pin(model) if pinned else edits.unpin(model, own_name))

    def wish(self, name: str, wish: dict[str, object]) -> Wished:
        edits.refuse_flags(wish)
        return self._change(edits.wish(self.canonical(name), wish))

    def pool(self, name: str, pool: dict[str, object] | None) -> Wished:
        return self._change(edits.pool(name, pool))

    def _change(self, edit: edits.Edit) -> Wished:
        self._operator.change(edit)
        self._dispatch.changed()
        return self.wished()
