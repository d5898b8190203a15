"""Where a request goes: pure functions over its target and the keeper's table."""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ostler.faces.gateway.messages import Key, Limits, Model, Table


class By(Enum):
    """What names the model of a request."""

    BODY = "the `model` field of its JSON body"
    PATH = "its path, /runtime/models/<id>/... or /models/<id>/v1/..."
    NOTHING = "nothing: it is for the control API"


class Way(NamedTuple):
    """A request's way: what names its model, whether it needs a key, the target to send.

    A page is of the dashboard, which finds out by itself who asks.
    """

    by: By
    guarded: bool
    target: bytes
    model: str = ""
    is_page: bool = False


# The spelling that every engine with rerankers has; callers use the others as well.
RERANK = b"/v1/rerank"
RERANKS = frozenset({b"/rerank", b"/v2/rerank", b"/reranking", b"/v1/reranking"})
BARE = frozenset({b"/tokenize", b"/detokenize"})  # paths of engines that have no version
HEALTH = b"/health"
DASHBOARD = b"/dashboard"
RUNTIME = b"/runtime/models/"
MODELS = b"/models/"
VERSIONS = (b"/v1/", b"/v2/")  # where a model's name ends in /models/<name>/v1/...
# Lamini's paths, /v1/ in its older clients; they are asked of the control API.
DOWNLOADS = frozenset({b"/v1/downloaded_models", b"/v1/downloaded_models/"})
# The first part of a path that needs a key.
GUARDED = frozenset(
    {
        b"v1", b"v1alpha", b"v2", b"api", b"runtime", b"models", b"estimate",
        b"rerank", b"reranking", b"tokenize", b"detokenize",
    }
)  # fmt: skip
# A plain path is spelt in one way only. Anything else (percent escapes, dot segments, empty
# segments) could be read as a guarded path by the control API, so it needs a key as well.
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")


def way(method: bytes, target: bytes) -> Way | None:
    """Return the way of a request; None for a target that is no path."""
    if not target.startswith(b"/"):
        origin = _origin_form(target)
        return None if origin is None else way(method, origin)
    path = target.partition(b"?")[0]
    if path.startswith(RUNTIME):
        return _by_path(target) or Way(By.NOTHING, True, target)
    if path.startswith(MODELS):
        named = _by_name(target, path)
        if named is not None:
            return named
    if path in DOWNLOADS:
        return Way(By.NOTHING, True, target)
    if path == DASHBOARD or path.startswith(DASHBOARD + b"/"):
        return Way(By.NOTHING, not _stays_below(path), target, is_page=True)
    if method == b"POST" and (path.startswith(b"/v1/") or path in RERANKS or path in BARE):
        return Way(By.BODY, True, _for_engines(target, path))
    return Way(By.NOTHING, _guarded(path), target)


def _origin_form(target: bytes) -> bytes | None:
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        return None
    slash, query = rest.find(b"/"), rest.find(b"?")
    if slash < 0 or 0 <= query < slash:
        return b"/" + (rest[query:] if query >= 0 else b"")
    return rest[slash:]


def _by_path(target: bytes) -> Way | None:
    """Return the way to an engine; None where its path is none for callers.

    Engines have paths that operate them (to sleep, to end, to load other weights): these are the
    keeper's alone.
    """
    name, slash, rest = target[len(RUNTIME) :].partition(b"/")
    target = slash + rest or b"/"
    path = target.partition(b"?")[0]
    if not (path.startswith(VERSIONS) or path in BARE or path in RERANKS or path == HEALTH):
        return None
    if not PLAIN.issuperset(path) or b"/." in path:
        return None
    model = unquote_to_bytes(name).decode("utf-8", "replace")
    return Way(By.PATH, True, _for_engines(target, path), model)


def _by_name(target: bytes, path: bytes) -> Way | None:
    ends = [at for at in (path.find(version, len(MODELS)) for version in VERSIONS) if at > 0]
    ends += [len(path) - len(bare) for bare in BARE | RERANKS if path.endswith(bare)]
    end = min(ends, default=0)
    if end <= len(MODELS):
        return None
    name = unquote_to_bytes(target[len(MODELS) : end]).decode("utf-8", "replace")
    return Way(By.PATH, True, _for_engines(target[end:], path[end:]), name)


def _for_engines(target: bytes, path: bytes) -> bytes:
    return RERANK + target[len(path) :] if path in RERANKS else target


def _stays_below(path: bytes) -> bool:
    """Say whether nobody can read a path as one outside of the folder that it begins with."""
    return not any(mark in unquote_to_bytes(path) for mark in (b"/.", b"//", b"\\", b"%"))


def _guarded(path: bytes) -> bool:
    if not PLAIN.issuperset(path) or b"//" in path or b"/." in path:
        return True
    return path.split(b"/", 2)[1] in GUARDED


class Routes:
    """The keeper's table, turned for looking up."""

    __slots__ = ("_keys", "_names", "control_socket", "limits", "models")

    def __init__(self, table: Table) -> None:
        self.models = table.models
        self.limits: Limits = table.limits
        self.control_socket = table.control_socket
        self._names = {alias: id for id, model in table.models.items() for alias in model.aliases}
        self._names |= {id: id for id in table.models}  # a model's own name beats an alias
        self._keys = {bytes.fromhex(key.sha256): key for key in table.keys}

    def id_of(self, name: str) -> str | None:
        """Return the id of the model that callers mean by this name."""
        return self._names.get(name)

    @property
    def needs_key(self) -> bool:
        """Say whether guarded paths are open to known keys only."""
        return bool(self._keys)

    def caller(self, key: bytes | None) -> Key | None:
        """Return whose key this is.

        The dictionary compares SHA-256 digests and not keys: how long that takes tells a
        caller about the digest of a guess, which is no step towards a key with that digest.
        """
        return None if key is None else self._keys.get(hashlib.sha256(key).digest())


def is_ready(model: Model | None) -> bool:
    """Say whether requests can go to the model now."""
    return model is not None and model.state == "ready" and bool(model.backends)
