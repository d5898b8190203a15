"""What a web page may have a browser ask here; pure.

A page of any site can send requests to this machine. Where no key is needed, two headers that a
page cannot forge tell: `Host`, the name by which the browser found us (a name of the page's own
that was made to lead here is DNS rebinding), and `Origin`, the page's own address.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from ostler.faces.gateway.messages import Limits
from ostler.faces.gateway.request import Refusal, Request, refusal

READING = (b"GET", b"HEAD", b"OPTIONS")
ANY = "*"
AGE = 3600  # seconds for which a browser may keep our answer to its question


def stranger(request: Request, limits: Limits) -> Refusal | None:
    """Return why a request gets nothing where no key is needed, None if it may be served."""
    host = request.fields.get(b"host")
    if host is not None and limits.hosts is not None and not is_ours(host, limits.hosts):
        text = f"This server does not go by the name {_shown(host)}, and needs no key."
        hint = "Ask for 127.0.0.1, start it with --allow-host NAME, or make a key."
        return refusal(403, "host_not_allowed", text, hint=hint)
    return forged(request, limits)


def forged(request: Request, limits: Limits) -> Refusal | None:
    """Return why a request gets nothing that a page of another site may have a browser send.

    A browser adds the cookie of who has signed in to whatever any page asks. To open a WebSocket
    is a GET, which browsers let every page send and then read and write.
    """
    host, origin = request.fields.get(b"host"), request.fields.get(b"origin")
    acts = request.method not in READING or request.opens_tunnel
    if origin is not None and acts and not may(origin, host, limits):
        return foreign(request)
    return None


def foreign(request: Request) -> Refusal:
    """Return the answer to what a page of a site that is not allowed has a browser ask."""
    text = f"Pages of {_shown(request.fields[b'origin'])} may not ask anything here."
    hint = "Start the server with --allow-origin ORIGIN to let them."
    return refusal(403, "foreign_origin", text, hint=hint)


@lru_cache(maxsize=256)
def is_ours(host: bytes, names: tuple[str, ...]) -> bool:
    """Say whether a Host header names this machine: a loopback name or address, or one of these."""
    name = host.decode("ascii", "replace").strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") < 2:
        name = name.partition(":")[0]
    name = name.removesuffix(".")
    return name in names or name == "localhost" or name.endswith(".localhost") or _loops(name)


def _loops(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def may(origin: bytes, host: bytes | None, limits: Limits) -> bool:
    """Say whether a page of this origin may ask: a page of our own, or one that is allowed."""
    own = host is not None and origin.partition(b"://")[2].lower() == host.lower()
    return own or is_allowed(origin, limits.origins)


def is_allowed(origin: bytes, origins: tuple[str, ...]) -> bool:
    """Say whether pages of this origin are allowed to read our answers."""
    return ANY in origins or origin.decode("latin-1").lower() in origins


def permission(request: Request, limits: Limits) -> bytes:
    """Return the header lines that let the asking page read the answer; mostly none."""
    origin = request.fields.get(b"origin") if limits.origins else None
    if origin is None or not is_allowed(origin, limits.origins):
        return b""
    return (
        b"access-control-allow-origin: %b\r\naccess-control-expose-headers: x-request-id, "
        b"retry-after\r\nvary: origin\r\n" % origin
    )


def is_question(request: Request) -> bool:
    """Say whether a browser asks beforehand what a page may send (a preflight)."""
    return (
        request.method == b"OPTIONS"
        and b"origin" in request.fields
        and b"access-control-request-method" in request.fields
    )


def permitted(request: Request) -> bytes:
    """Return the header lines that say what an allowed page may send: what its browser asked."""
    lines = b"access-control-allow-methods: GET, POST, PUT, PATCH, DELETE\r\n"
    wanted = request.fields.get(b"access-control-request-headers")
    if wanted:
        lines += b"access-control-allow-headers: %b\r\n" % wanted
    return lines + b"access-control-max-age: %d\r\n" % AGE


def _shown(value: bytes) -> str:
    return repr(value[:200].decode("latin-1"))
