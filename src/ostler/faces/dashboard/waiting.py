"""The page that is seen while NiceGUI starts: the frame that is to come, as plain HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, Response

from ostler.faces.dashboard import frame, pages, signin
from ostler.faces.dashboard.asking import Caller
from ostler.faces.dashboard.tree import h, html


def waiting(scope: Mapping[str, Any]) -> Response:
    """Return the frame of the page that is asked for; it asks again at once, and then waits."""
    caller: Caller = scope["ostler.caller"]
    found = pages.find(scope["ostler.path"].removeprefix(signin.BASE))
    state = frame.State(operates=caller.operates, who=caller.name, page=found)
    query = scope["query_string"].decode("latin-1")
    to = f"{scope['ostler.path']}?{query}" if query else scope["ostler.path"]
    again = html(h("meta", http_equiv="refresh", content=f"0; url={to}"))
    body = html(frame.waiting(found, state))
    head = signin.head(f"{found.title} · Ostler", again)
    return HTMLResponse(f"{head}<body>{body}</body></html>", headers=signin.HEADERS)
