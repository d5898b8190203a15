"""Who comes in to the dashboard: signing in, where requests may come from, what pages may load."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ostler.errors import AuthRequired
from ostler.faces.dashboard import signin
from ostler.faces.dashboard.asking import OWN, Asking, Caller
from ostler.faces.dashboard.sending import Sending
from ostler.faces.dashboard.session import Sessions
from ostler.faces.gateway import browsers
from ostler.faces.gateway.messages import Limits

BASE = "/dashboard"
OPEN = ("/_nicegui/", "/own/")  # programs and colours of ours: they tell nothing
SOCKET = "/_nicegui_ws/"
MOST_FORM = 4096  # bytes


class Gate:
    """The dashboard's own door, before NiceGUI."""

    def __init__(self, asking: Asking, sessions: Sessions, pages: ASGIApp, limits: Limits) -> None:
        self._asking, self._sessions, self._limits = asking, sessions, limits
        self._pages = Sending(pages)
        self._cookie = f"ostler-{urlsplit(asking.gateway).port}"  # cookies know no ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        scope["headers"] = [one for one in scope["headers"] if one[0] != b"x-forwarded-prefix"]
        headers = Headers(scope=scope)
        if path.startswith(OPEN) and scope["type"] == "http":
            await self._pages(scope, receive, send)
        elif not self._is_ours(scope, headers, path):
            await _refuse(scope, receive, send, "Pages of other sites may not ask anything here.")
        elif path in ("/signin", "/signout", "/open"):
            answer = await self._sign(path, Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await self._enter(scope, receive, send, path, headers)

    async def _enter(
        self, scope: Scope, receive: Receive, send: Send, path: str, headers: Headers
    ) -> None:
        caller = await self._caller(headers)
        is_page = scope["type"] == "http" and not path.startswith(SOCKET)
        if caller is None:
            if not is_page:
                await _refuse(scope, receive, send, "Sign in first.")
                return
            answer = _to_sign_in(headers, path, scope["query_string"].decode("latin-1"))
            await answer(scope, receive, send)
            return
        scope["ostler.caller"], scope["ostler.first"] = caller, []
        scope["ostler.path"] = f"{BASE}{path}".rstrip("/")
        await self._pages(scope, receive, send)

    async def _caller(self, headers: Headers) -> Caller | None:
        """Return who asks; None where a key is needed and none has signed in."""
        if not self._asking.door.keys():
            return Caller(self._asking)
        name = _cookie(headers, self._cookie)
        session = self._sessions.find(name)
        if session is None:
            return None
        try:
            return replace(await self._known(session.key), session=session)
        except AuthRequired:  # the key was revoked, or has expired
            self._sessions.end(name)
            return None

    async def _known(self, key: str) -> Caller:
        """Return the caller of a key. Raises AuthRequired."""
        said = await self._asking.shared(key, OWN, 5.0, {})
        return Caller(self._asking, key, said["name"], said["role"], tuple(said["models"]))

    def _is_ours(self, scope: Scope, headers: Headers, path: str) -> bool:
        """Say whether no page of another site had the browser send this."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin is not None and browsers.may(
            origin.encode("latin-1"), host.encode("latin-1"), self._limits
        ):
            return True
        reading = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if origin is not None and (not reading or path.startswith(SOCKET)):
            return False
        if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
            return True
        # A link of theirs may lead here. Their frames, pictures and programs get nothing: each
        # page costs memory until it is let go.
        fetched = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
        return reading and fetched == ("navigate", "document") and path != "/open"

    # --- signing in and out -----------------------------------------------------------------

    async def _sign(self, path: str, request: Request) -> Response:
        if path == "/signout":
            return self._out(request) if request.method == "POST" else RedirectResponse(BASE, 303)
        if path == "/open":
            key = self._sessions.redeem(request.query_params.get("ticket", ""))
            return await self._in(request, key, "") if key else _page(signin.TICKET_USED, 401)
        if request.method != "POST":
            said = signin.WHY.get(request.query_params.get("why", ""), "")
            return _page(said, to=request.query_params.get("to", ""))
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_FORM:
                return _page(signin.UNKNOWN, 401)
        form = parse_qs(body.decode("utf-8", "replace"))
        key, to = form.get("key", [""])[0].strip(), form.get("to", [""])[0]
        return await self._in(request, key, to)

    async def _in(self, request: Request, key: str, to: str) -> Response:
        if not self._asking.door.keys():
            return RedirectResponse(BASE, 303)
        try:
            await self._known(key)
        except (AuthRequired, UnicodeEncodeError):
            return _page(signin.UNKNOWN, 401, to=to)
        self._sessions.end(_cookie(request.headers, self._cookie))
        answer = RedirectResponse(_own(to), 303)
        secure = request.url.scheme == "https" or self._asking.gateway.startswith("https:")
        origin = request.headers.get("origin", "")
        answer.set_cookie(
            self._cookie,
            self._sessions.begin(key),
            path=BASE,
            secure=secure or origin.startswith("https:"),
            httponly=True,
            samesite="strict",
        )
        return answer

    def _out(self, request: Request) -> Response:
        self._sessions.end(_cookie(request.headers, self._cookie))
        answer = RedirectResponse(f"{BASE}/signin?why=out", 303)
        answer.delete_cookie(self._cookie, path=BASE)
        return answer


def _to_sign_in(headers: Headers, path: str, query: str) -> Response:
    here = f"{path}?{query}" if query else path
    if headers.get("sec-fetch-site") == "cross-site":
        # A link of another site brought no cookie. The same page asked by ourselves brings it.
        return HTMLResponse(signin.once_more(f"{BASE}{here}"), headers=signin.HEADERS)
    why = "&why=ended" if "cookie" in headers else ""
    return RedirectResponse(f"{BASE}/signin?to={quote(here, safe='')}{why}", 303)


def _page(said: str, status: int = 200, to: str = "") -> Response:
    return HTMLResponse(signin.page(said, to), status, headers=signin.HEADERS)


def _own(to: str) -> str:
    """Return where to go after signing in: a page of the dashboard and nowhere else."""
    if not to.startswith("/") or to.startswith("//") or "/.." in to:
        return BASE
    parts = urlsplit(to)
    query = f"?{parts.query}" if parts.query else ""
    return f"{BASE}{quote(parts.path.rstrip('/'))}{query}"


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


async def _refuse(scope: Scope, receive: Receive, send: Send, said: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await Response(said, 403, media_type="text/plain")(scope, receive, send)
