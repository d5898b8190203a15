"""NiceGUI, started within the server when the first browser comes. Importing this imports it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from nicegui import Client, core, ui

from ostler.faces.dashboard.asking import Caller
from ostler.faces.dashboard.stage import Stage

HERE = Path(__file__).parent
RECONNECT = 20.0  # seconds for which a tab that has lost its connection is kept
UNSEEN = 50  # pages without a connection that are kept; one takes 0.4 MB
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
    async def page(request: Request, client: Client) -> Response | None:
        caller: Caller | None = request.scope.get("ostler.caller")
        if caller is None:  # no program of NiceGUI has this address, and nobody was let in
            return Response("There is nothing here.", 404, media_type="text/plain")
        _let_go()
        asked = f"?{request.url.query}" if request.url.query else ""
        path = f"{request.scope['ostler.path']}{asked}"
        stage = Stage(client, caller, path, _origin(request, caller.asking.gateway))
        first = await stage.open()
        request.scope["ostler.first"].append(first)
        return None

    return holder, holder.router.lifespan_context(holder)


def _origin(request: Request, gateway: str) -> str:
    """Return the server's address as the browser calls it; it is shown, and nothing else."""
    near = gateway.partition("://")
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else near[0]
    return f"{scheme}://{request.headers.get('host', near[2])}"


def _let_go() -> None:
    """Forget the oldest pages in which no browser lives, where there are many."""
    unseen = [one for one in Client.instances.values() if not one.has_socket_connection]
    for client in sorted(unseen, key=lambda one: one.created)[:-UNSEEN]:
        client.delete()
