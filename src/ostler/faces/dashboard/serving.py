"""NiceGUI, started within the server when the first browser comes. Importing this imports it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI, Request
from nicegui import Client, core, ui

from ostler.faces.dashboard.asking import Caller
from ostler.faces.dashboard.stage import Stage

HERE = Path(__file__).parent
RECONNECT = 20.0  # seconds for which a tab that has lost its connection is kept
HEAD = (
    '<script src="{base}/own/theme.js"></script><link rel="stylesheet" href="{base}/own/style.css">'
)


def begin(base: str) -> tuple[FastAPI, AbstractAsyncContextManager[object]]:
    """Return the app of all pages, and what starts and ends it."""
    holder = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    core.app.config.vue_config_script = "app.use(Quasar, {config: vue_config}); setDark(dark);"
    ui.run_with(
        holder,
        title="Ostler",
        favicon=HERE / "mark.svg",
        language="en-US",
        dark=None,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT,
        gzip_middleware_factory=None,  # `sending` keeps what is packed
        tailwind=False,
        show_welcome_message=False,
    )
    Client.shared_head_html = HEAD.format(base=base)

    @ui.page("/")
    @ui.page("/{path:path}")
    async def page(request: Request, client: Client) -> None:
        caller: Caller = request.scope["ostler.caller"]
        asked = f"?{request.url.query}" if request.url.query else ""
        stage = Stage(client, caller, f"{request.scope['ostler.path']}{asked}")
        first = await stage.open()
        request.scope["ostler.first"].append(first)

    return holder, holder.router.lifespan_context(holder)
