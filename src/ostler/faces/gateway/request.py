"""One request: its head, what is wrong with it, and the head that is sent on; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ostler.faces.gateway.form import is_form
from ostler.faces.gateway.messages import Fault, Key, Limits
from ostler.faces.gateway.routing import Way

if TYPE_CHECKING:
    from ostler.faces.gateway.lanes import Usual

Header = tuple[bytes, bytes]

# Meant for one connection only (RFC 9110, 7.6.1); each side of a relay writes its own.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
REWRITTEN = HOP_BY_HOP | {b"content-length", b"expect", b"x-request-id"}
# What proves who the caller is concerns Ostler and no engine.
PRIVATE = REWRITTEN | {b"host", b"authorization", b"x-api-key", b"cookie", b"origin"}
UPGRADE_OFFER = frozenset({b"connection", b"upgrade", b"http2-settings"})
WEBSOCKET = b"connection: upgrade\r\nupgrade: websocket\r\n"
WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})
USUAL = frozenset({b"close", b"keep-alive"})
# A second one of these is how two readers are made to see two different requests.
SINGLE = frozenset({b"host", b"content-length", b"transfer-encoding", b"authorization"})
# What says something of one request alone, or frames it in another way than by its length.
OF_ONE = frozenset({b"x-request-id", b"transfer-encoding", b"expect", b"upgrade"})
ID_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/+=")


class Refusal(NamedTuple):
    """An answer that is an error. `close` where what follows on the wire cannot be trusted."""

    status: int
    fault: Fault
    close: bool = False
    retry_after: float | None = None


class Request:
    """What a caller asks. Header names are in lower case; `body` is whole once it is served."""

    method = b""
    target = b""
    version = "1.1"
    keep_alive = False
    wants_continue = False
    size = 0  # of the body so far, bytes
    way: Way | None = None
    caller: Key | None = None  # None: no key is needed, or the way is open to all
    refusal: Refusal | None = None
    usual: Usual | None = None  # where its head came before
    permits = b""  # header lines for its answer, which let a web page read that
    is_question = False  # a browser's, of what a page may send
    opens_tunnel = False  # it offers a WebSocket where one is relayed
    over_tls = False

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.fields: dict[bytes, bytes] = {}  # the same by name; of repeated ones the last
        self.body: list[bytes] = []
        self.sent_on: dict[bytes | None, bytes] = {}  # heads as sent on, by the engine's address

    @property
    def is_usual(self) -> bool:
        """Say whether one with the same head and another body would be served alike."""
        return (
            self.refusal is None
            and self.keep_alive
            and self.method == b"POST"
            and not is_form(self.kind)
            and self.fields.keys().isdisjoint(OF_ONE)
        )

    def again(self, body: bytes) -> Request:
        """Return a request with the same head, less its length, and this body."""
        one = Request.__new__(Request)
        one.__dict__.update(self.__dict__)
        one.body, one.size = [body], len(body)
        return one

    def take_head(self, headers: list[Header]) -> None:
        """Set the headers, once all of them are read."""
        self.headers = headers
        self.fields = dict(headers)
        self.wants_continue = self.version == "1.1" and b"expect" in self.fields

    def head_size(self) -> int:
        """Return the bytes of the target and of the header lines."""
        words = sum(map(len, chain.from_iterable(self.headers)))
        return len(self.target) + words + 4 * len(self.headers)

    @property
    def kind(self) -> bytes:
        """The type of its body; empty where it is not said."""
        return self.fields.get(b"content-type", b"")

    def key(self) -> bytes | None:
        """Return the caller's key: a bearer token, or `x-api-key` as Anthropic's clients send."""
        value = self.fields.get(b"authorization")
        if value is None:
            return self.fields.get(b"x-api-key")
        scheme, _, key = value.partition(b" ")
        return key.strip() if scheme.lower() == b"bearer" else None

    @property
    def shown(self) -> tuple[str, str]:
        """The method and the path as logs show them: no query, for callers write what they like."""
        path = self.target.partition(b"?")[0][:1024]
        return self.method.decode("ascii", "replace"), path.decode("ascii", "replace")

    def offers_websocket(self) -> bool:
        """Say whether it offers to go on as a WebSocket (RFC 6455, 4.1)."""
        fields = self.fields
        return (
            self.method == b"GET"
            and self.version == "1.1"
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and b"upgrade" in named_by_connection(self.headers)
            and b"content-length" not in fields
            and b"transfer-encoding" not in fields
        )

    def request_id(self) -> bytes | None:
        """Return the caller's own request id, where it is one that can be repeated safely."""
        value = self.fields.get(b"x-request-id")
        return value if value and len(value) <= 128 and ID_BYTES.issuperset(value) else None

    def wants_progress(self) -> bool:
        """Say whether a streaming caller wants to read how a model's load gets on (`progress`)."""
        parts = self.fields.get(b"prefer", b"").split(b",")
        return any(part.strip().lower() == b"progress" for part in parts)

    def wait(self, longest: float) -> float:
        """Return how many seconds the caller waits for a model: `Prefer: wait=N`, at most ours."""
        for part in self.fields.get(b"prefer", b"").split(b","):
            name, _, value = part.strip().partition(b"=")
            if name.lower() == b"wait" and value.isdigit() and len(value) < 10:
                return min(float(value), longest)
        return longest


def flaw(request: Request, limits: Limits) -> Refusal | None:
    """Return why this head is refused before its body is read."""
    fields = request.fields
    if request.head_size() > limits.max_header_bytes:
        return head_too_large(limits)
    if request.version not in ("1.1", "1.0"):
        return refusal(505, "http_version", "This server speaks HTTP/1.1 and 1.0.", close=True)
    if len(fields) < len(request.headers) and _repeats_what_comes_once(request.headers):
        return malformed("A header that may come once came twice.")
    if request.version == "1.1" and b"host" not in fields:
        return malformed("HTTP/1.1 requests carry a Host header.")
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or request.version == "1.0"):
        return malformed("The only transfer coding taken is `chunked`, over HTTP/1.1.")
    if int(fields.get(b"content-length", 0)) > limits.max_body_bytes:
        return too_large(limits)
    if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
        return refusal(417, "expectation_failed", "Only `100-continue` can be expected here.")
    return None


def _repeats_what_comes_once(headers: list[Header]) -> bool:
    names = [name for name, _ in headers]
    return any(names.count(name) > 1 for name in SINGLE)


def refusal(
    status: int, code: str, message: str, *, hint: str = "", close: bool = False
) -> Refusal:
    """Return an error answer whose type follows from its status."""
    return Refusal(status, Fault(message, type_of(status), code, hint), close)


def type_of(status: int) -> str:
    """Return the OpenAI error type that clients expect beside this status."""
    special = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    return special.get(status, "invalid_request_error" if status < 500 else "server_error")


def malformed(message: str) -> Refusal:
    """Return the answer to bytes that are not one clear HTTP request."""
    return refusal(400, "bad_request", message, close=True)


def too_large(limits: Limits) -> Refusal:
    """Return the answer to a body over the limit."""
    text = f"The body is larger than the limit of {limits.max_body_bytes} bytes."
    return refusal(413, "body_too_large", text, close=True)


def head_too_large(limits: Limits) -> Refusal:
    """Return the answer to a head over the limit."""
    text = f"The request's head is larger than the limit of {limits.max_header_bytes} bytes."
    return refusal(431, "headers_too_large", text, close=True)


def named_by_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    """Return the headers that `Connection` itself declares to be for this connection only."""
    tokens: set[bytes] = set()
    for name, value in headers:
        if name == b"connection" and value not in USUAL:
            tokens.update(token.strip().lower() for token in value.split(b","))
    return frozenset(tokens - USUAL)


def head_for(
    request: Request, target: bytes, host: bytes | None, size: int, request_id: bytes
) -> bytes:
    """Return the head as it is sent on.

    `host` is the engine's address: the caller's secrets are left out. None: the request is for
    the control API, which judges those secrets itself and is told the caller's own Host.
    """
    first = request.sent_on.get(host)
    if first is None:
        first = request.sent_on[host] = begun(request, target, host)
    if size or request.method in WITH_BODY:
        return b"%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n" % (first, size, request_id)
    return b"%bx-request-id: %b\r\n\r\n" % (first, request_id)


def begun(request: Request, target: bytes, host: bytes | None) -> bytes:
    """Return the lines of the head that are the same whatever the body and the request's id."""
    dropped = REWRITTEN if host is None else PRIVATE
    if request.over_tls:
        dropped |= {b"x-forwarded-proto"}
    if b"connection" in request.fields:
        dropped |= named_by_connection(request.headers)
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method, target)]
    lines += [b"%b: %b\r\n" % header for header in request.headers if header[0] not in dropped]
    if host is not None:
        lines.append(b"host: %b\r\n" % host)
    if request.opens_tunnel:
        lines.append(WEBSOCKET)
    if request.over_tls and host is None:
        lines.append(b"x-forwarded-proto: https\r\n")
    return b"".join(lines)


def without_upgrade(request: Request) -> bytes:
    """Return the head as it came, less its offer to change the protocol."""
    kept = named_by_connection(request.headers) - {b"upgrade", b"http2-settings"}
    connection = b", ".join((*kept, b"keep-alive" if request.keep_alive else b"close"))
    lines = [b"%b %b HTTP/%b" % (request.method, request.target, request.version.encode())]
    lines += [b"%b: %b" % header for header in request.headers if header[0] not in UPGRADE_OFFER]
    return b"\r\n".join((*lines, b"connection: " + connection, b"", b""))
