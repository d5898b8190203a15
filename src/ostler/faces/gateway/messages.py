"""What the keeper and a gateway worker say to each other: one JSON object per line.

The keeper's words are `Table` and `Refuse`, the gateway's all others. Times are seconds,
sizes are bytes. Both sides import this file, so a word cannot mean two things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

# --- keeper to gateway --------------------------------------------------------------------


class Backend(Struct, frozen=True):
    """One engine that serves a model.

    `model_name` is what it wants to read in a request's `model`; empty: it does not care.
    `adds_done` means the gateway adds the `data: [DONE]` that this engine leaves out. `scores`
    says how it gives a reranker's, as `nouns.Scores` does: "given", "list" or "logits".
    `context` is how many tokens it takes, prompt and answer together, None where that is not
    known; `bounds_answer` means that it refuses requests for a longer answer. `names_tool` is False
    for one that cannot be told which tool to call.
    """

    id: str
    host: str
    port: int
    model_name: str = ""
    adds_done: bool = False
    scores: str = "given"
    context: int | None = None
    bounds_answer: bool = False
    names_tool: bool = True


class Member(Struct, frozen=True):
    """One model behind a name that several serve; the fields are as in `core.lengths.Member`."""

    model: str
    tokens: int | None = None
    roles: tuple[str, ...] = ()


class Model(Struct, frozen=True):
    """A served model. `state` is "ready", "loading", "stopped" or "failed".

    `concurrent` is how many requests it may answer at once, over all workers; more get a 429.
    `choice` says which of its backends a request goes to, "least-loaded" or "prefix". A name
    behind which several models stand has `members` and no backend of its own.
    """

    state: str
    task: str = "chat"
    backends: tuple[Backend, ...] = ()
    aliases: tuple[str, ...] = ()
    eta_seconds: float | None = None  # until it is ready, where the keeper knows
    concurrent: int | None = None
    choice: str = "least-loaded"
    members: tuple[Member, ...] = ()


class Key(Struct, frozen=True):
    """A caller's key, known here only by its SHA-256 as 64 hexadecimal digits.

    `role` is "operator" or "user"; the control API judges it. `models` are shell patterns over
    models' ids and aliases. A limit of None is no limit. `tokens_used` is what the records
    count for this key today (UTC), before this table.
    """

    sha256: str
    name: str
    role: str = "operator"
    models: tuple[str, ...] = ("*",)
    requests_per_minute: int | None = None
    concurrent: int | None = None
    tokens_per_day: int | None = None
    tokens_used: int = 0


class Limits(Struct, frozen=True):
    """What the gateway bears from callers."""

    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
    wait_seconds: float = 300.0  # the longest a request waits for its model
    max_parked: int = 512  # requests that may wait for one model
    # The longest a caller may be silent between requests or within one, or not read its answer;
    # nginx has 75 s and 60 s for these.
    quiet_seconds: float = 75.0
    # The longest an engine may say nothing while its answer is waited for: a long prompt is read
    # in silence, so this is patient. It ends what would otherwise hang for ever.
    engine_seconds: float = 1800.0
    drain_seconds: float = 30.0  # for running answers, once the server is told to end
    access_log: str = ""  # a path; empty: none is written. It names no prompt and no key.
    default_role: str = "operator"  # of a caller without a key, where none is needed
    # Names in `Host` under which callers without a key are served, beside loopback ones; None: any.
    hosts: tuple[str, ...] | None = None
    # Where web pages come from that may ask and read answers, in lower case; "*": all of them.
    origins: tuple[str, ...] = ()


class Table(Struct, frozen=True, tag=True, tag_field="kind"):
    """Everything a worker must know to route: a whole snapshot, never a difference.

    An empty `keys` means that no key is needed. `slots` says where in the table that workers
    share the counts of a key, a model or a backend stand; the link fills it in. A worker answers
    a `serial` other than zero with `Took`.
    """

    control_socket: str
    models: dict[str, Model] = {}
    keys: tuple[Key, ...] = ()
    limits: Limits = Limits()
    slots: dict[str, int] = {}
    serial: int = 0


class Fault(Struct, frozen=True, omit_defaults=True):
    """An error as the OpenAI API writes it, with the next thing to try."""

    message: str
    type: str
    code: str
    hint: str = ""
    param: str | None = None


class Refuse(Struct, frozen=True, tag=True, tag_field="kind"):
    """Answer every request that waits for this model with this error."""

    model: str
    status: int
    error: Fault
    retry_after: float | None = None


# --- gateway to keeper --------------------------------------------------------------------


class Ready(Struct, frozen=True, tag=True, tag_field="kind"):
    """The worker accepts connections; requests wait for the first `Table`."""

    pid: int


class Want(Struct, frozen=True, tag=True, tag_field="kind"):
    """Somebody asks for a model that is not ready; the role of who asked first."""

    model: str
    role: str = ""


class Busy(Struct, frozen=True, tag=True, tag_field="kind"):
    """The backend's requests in flight went from none to one, or one of another role came.

    `role` is the caller's; empty where it has no key.
    """

    backend: str
    role: str = ""


class Idle(Struct, frozen=True, tag=True, tag_field="kind"):
    """The backend's requests in flight went back to none, and none has come for a moment."""

    backend: str


class Took(Struct, frozen=True, tag=True, tag_field="kind"):
    """The worker routes by the table of this serial: what it lacks gets no new request from it."""

    serial: int


class Broken(Struct, frozen=True, tag=True, tag_field="kind"):
    """The backend refused a connection or broke one off."""

    backend: str
    why: str


class Done(Struct, frozen=True, tag=True, tag_field="kind"):
    """A request ended. `status` is 499 where the client left before its answer was whole.

    `ttft` is the time to the first byte of the answer's body. Tokens are None where the
    engine did not say them at the end of its answer. `key` is the name of the caller's key.
    """

    model: str
    backend: str
    status: int
    seconds: float
    ttft: float | None
    bytes_in: int
    bytes_out: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    key: str = ""
    request_id: str = ""
    at: float = 0.0  # when it ended, in seconds since 1970
    method: str = ""
    path: str = ""  # without its query


class Ended(Struct, frozen=True, tag="Done", tag_field="kind", gc=False):
    """A `Done` as a worker writes it: with what the access log says besides.

    `at` is in seconds since 1970, `path` is without its query, which may hold what callers wrote.
    """

    KIND: ClassVar[bytes] = b'{"kind":"Done",'

    at: float
    method: str
    path: str
    model: str
    backend: str
    status: int
    seconds: float
    ttft: float | None
    bytes_in: int
    bytes_out: int
    prompt_tokens: int | None
    completion_tokens: int | None
    key: str
    request_id: str


ToGateway = Table | Refuse
ToKeeper = Ready | Want | Busy | Idle | Took | Broken | Done

_encoder = msgspec.json.Encoder()
_to_gateway: msgspec.json.Decoder[ToGateway] = msgspec.json.Decoder(ToGateway)
_to_keeper: msgspec.json.Decoder[ToKeeper] = msgspec.json.Decoder(ToKeeper)


def encode(message: ToGateway | ToKeeper) -> bytes:
    """Return the message as one line, its newline included."""
    return _encoder.encode(message) + b"\n"


def encode_all(messages: Sequence[Ended]) -> bytes:
    """Return the messages as lines."""
    return _encoder.encode_lines(messages)


def read_by_gateway(line: bytes) -> ToGateway:
    """Return what the keeper said. Raises msgspec.DecodeError."""
    return _to_gateway.decode(line)


def read_by_keeper(line: bytes) -> ToKeeper:
    """Return what a worker said. Raises msgspec.DecodeError."""
    return _to_keeper.decode(line)


class Lines:
    """Cuts a stream of bytes into whole lines; the unfinished rest is kept for later."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that this piece completes, without their newlines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line for line in lines if line]
