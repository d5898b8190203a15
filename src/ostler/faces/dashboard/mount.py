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
from ostler.faces.gateway.messages import Limits

BASE = "/dashboard"


@dataclass
class Dashboard:
    """The dashboard of one server."""

    asking: Asking
    sessions: Sessions = field(default_factory=Sessions)
    _app: FastAPI | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ends: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def pages(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with NiceGUI, which the first who comes starts."""
        app = self._app or await self._start()
        await app(scope, receive, send)

    async def _start(self) -> FastAPI:
        async with self._starting:
            if self._app is None:
                serving = await asyncio.to_thread(_imported)
                app, running = serving.begin(BASE)
                await self._ends.enter_async_context(running)
                self._app = app
            return self._app

    async def close(self) -> None:
        """End what is open, so that nobody waits for the server to end."""
        if self._app is not None:
            from nicegui import core

            # The connections are closed and nobody is sent away: browsers come back by themselves.
            for sid in list(core.sio.eio.sockets):
                await core.sio.eio.disconnect(sid)
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
    gateway: str,
    tls: SSLContext | None = None,
    limits: Limits | None = None,
) -> Dashboard:
    """Mount the dashboard on the control app; `gateway` is the address that callers ask."""
    dashboard = Dashboard(Asking(app, door, gateway, tls))
    app.include_router(dashboards.routes(dashboard.sessions, gateway))
    gate: ASGIApp = Gate(dashboard.asking, dashboard.sessions, dashboard.pages, limits or Limits())
    app.router.routes += [Route(BASE, Front(gate)), Mount(BASE, gate)]
    return dashboard
