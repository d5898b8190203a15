"""Hangs the dashboard on the control app: at /dashboard, and asleep until a browser comes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ostler.faces.api import dashboards
from ostler.faces.dashboard.asking import Asking, Door
from ostler.faces.dashboard.gate import Gate
from ostler.faces.dashboard.session import Sessions
from ostler.faces.dashboard.waiting import waiting
from ostler.faces.gateway.messages import Limits

BASE = "/dashboard"


@dataclass
class Dashboard:
    """The dashboard of one server."""

    asking: Asking
    sessions: Sessions = field(default_factory=Sessions)
    _app: asyncio.Task[FastAPI] | None = None
    _ends: AsyncExitStack = field(default_factory=AsyncExitStack)

    def awake(self) -> asyncio.Task[FastAPI]:
        """Have NiceGUI started, if it is not; return what waits for it."""
        if self._app is None:
            self._app = asyncio.create_task(self._start(), name="dashboard")
        return self._app

    def ticket(self, key: str) -> str:
        """Return a ticket; a browser will come with it."""
        self.awake()
        return self.sessions.ticket(key)

    async def pages(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with NiceGUI. Who comes first starts it, and sees the page's frame meanwhile."""
        asleep, starting = self._app is None, self.awake()
        if asleep and "ostler.caller" in scope and scope["type"] == "http":
            await waiting(scope)(scope, receive, send)
            return
        app = await asyncio.shield(starting)
        await app(scope, receive, send)

    async def _start(self) -> FastAPI:
        serving = await asyncio.to_thread(_imported)
        app: FastAPI
        app, running = serving.begin(BASE)
        await self._ends.enter_async_context(running)
        return app

    async def close(self) -> None:
        """End what is open, so that nobody waits for the server to end."""
        if self._app is not None:
            await self._app
            from nicegui import core

            # The connections are closed and nobody is sent away: browsers come back by themselves.
            # Whether they have heard of it is not waited for, some may have left.
            for socket in list(core.sio.eio.sockets.values()):
                await socket.close(wait=False)
            await core.sio.shutdown()
        await self._ends.aclose()
        await self.asking.close()


class Front:
    """The address without a slash at its end, answered at once: a redirect would name a host."""

    def __init__(self, gate: ASGIApp) -> None:
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate({**scope, "root_path": BASE, "path": f"{BASE}/"}, receive, send)


def _imported() -> Any:
    """It takes half a second, and the loop has other things to do."""
    from ostler.faces.dashboard import serving

    return serving


def hang(
    app: FastAPI,
    door: Door,
    address: str,
    tls: SSLContext | None = None,
    limits: Limits | None = None,
) -> Dashboard:
    """Mount the dashboard on the control app; `address` is its own, as callers ask for it."""
    dashboard = Dashboard(Asking(app, door, address.removesuffix(BASE), tls))
    app.include_router(dashboards.routes(dashboard, address))
    gate: ASGIApp = Gate(dashboard.asking, dashboard.sessions, dashboard.pages, limits or Limits())
    app.router.routes += [Route(BASE, Front(gate)), Mount(BASE, gate)]
    return dashboard
