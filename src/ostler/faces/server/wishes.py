"""The operator's wishes: `<home>/ostler.yaml`, checked at the door, all else kept by our edits.

preload: [org/chat#q4_k_m]        # pinned, loaded in this order
models:
  org/chat#q4_k_m: {aliases: [chat], context: 8192, replicas: 2}
  org/large: {hours: ["22:00-06:00"], pool: big, ttl: 10m}
  chat-long: {of: org/chat#q4_k_m, context: 131072}   # the same files, started in another way
routes:
  any-chat: [{to: org/chat#q4_k_m, tokens: 8000}, {to: chat-long}]
pools:
  catchall: {devices: [nvidia:1], memory: 20GiB}
policy: {eviction: cost, loads_per_device: 1}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ostler.core import editing
from ostler.core import fleet as f
from ostler.core.fleet import windows
from ostler.core.fleet.pools import Share
from ostler.core.sizes import seconds
from ostler.errors import UsageError
from ostler.faces.server.flaws import refusal
from ostler.settings import LONGEST_CONTEXT
from ostler.store import durable
from ostler.store.locks import hold
from ostler.verbs import editing as files

FILE = "ostler.yaml"
FLAG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
POOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BYTES = {"": 1, "b": 1, "mb": 10**6, "gb": 10**9, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def read_bytes(value: Any) -> Any:
    """Read `20GiB`."""
    known = isinstance(value, str)
    return _scaled(value, BYTES, "a size is written like 20GiB") if known else value


def read_seconds(value: Any) -> Any:
    """Read `10m`."""
    return seconds(value) if isinstance(value, str) else value


def read_part(value: Any) -> Any:
    """Read `30%`."""
    if isinstance(value, str) and value.strip().endswith("%"):
        part = float(value.strip()[:-1]) / 100
        if not 0 < part <= 1:
            raise ValueError(f"a part is more than 0% and at most 100%, not {value!r}")
        return part
    return value


def _scaled(text: str, units: Mapping[str, float], how: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not found or found[2] not in units:
        raise ValueError(f"{how}, not {text!r}")
    return float(found[1]) * units[found[2]]


def read_hours(value: Any) -> Any:
    """Read one window or several."""
    return [windows.window(str(one)) for one in ([value] if isinstance(value, str) else value)]


def read_lasting(value: Any) -> Any:
    """Read `2m`, or true for ever, or false for not at all."""
    return (FOR_EVER if value else 0.0) if isinstance(value, bool) else read_seconds(value)


def read_flags(value: Any) -> Any:
    """Read an engine's flags: `name: value`, or `name: true` for one that has no value."""
    if not isinstance(value, dict):
        return value
    for name, said in value.items():
        if not FLAG.fullmatch(str(name)):
            raise ValueError(f"{str(name)[:80]!r} is no flag: write its long name without dashes")
        if said is False or not isinstance(said, str | int | float):
            raise ValueError(f"{name} has a value, or true; what is not wished is left out")
    return {name: "" if said is True else str(said) for name, said in value.items()}


FOR_EVER = 1e9  # seconds, about 32 years
Lasting = Annotated[float, BeforeValidator(read_lasting), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(lambda value: _whole(read_bytes(value)))]
Seconds = Annotated[float, BeforeValidator(read_seconds), Field(ge=0)]
Part = Annotated[float, BeforeValidator(read_part), Field(gt=0, le=1)]
Hours = Annotated[list[windows.Window], BeforeValidator(read_hours)]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _pool_name(name: str) -> str:
    """Return a name that a path of the API can carry. Raises ValueError."""
    if not POOL.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a pool's name: use A-Z a-z 0-9 . _ -, 64 at most")
    return name


Flags = Annotated[dict[str, str], BeforeValidator(read_flags)]
PoolName = Annotated[str, AfterValidator(_pool_name)]


class Wish(BaseModel):
    """A part of the file; a name that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelWish(Wish):
    """What is wished for one model."""

    of: str = ""  # the kept model that this is a deployment of; empty: it is kept under this name
    aliases: list[str] = []
    pinned: bool = False
    replicas: int = Field(default=1, ge=1, le=64)
    pool: str = ""
    ttl: Seconds | None = None
    context: int | None = Field(default=None, ge=1, le=LONGEST_CONTEXT)
    sequences: int | None = Field(default=None, ge=1)
    kv_dtype: str | None = None
    engine: str | None = None
    less_context: bool = False
    hours: Hours = []
    deadline: Seconds | None = None  # of its start; None: from its bytes and the speed measured
    download: bool = False  # not kept yet, it is fetched under this name when first asked for
    max_concurrent: int | None = Field(default=None, ge=1)
    choice: Literal["least-loaded", "prefix"] = "least-loaded"  # of the replica for a request
    tensor_parallel: int | None = Field(default=None, ge=1)  # None: the fewest that it fits on
    sleep: bool = False  # where its engine can, it may give way by sleeping instead of ending
    launcher: Literal["process", "container"] | None = None  # None: as the settings say
    memory_limit: Bytes | None = Field(default=None, gt=0)  # of its container; beyond, it is killed
    flags: Flags = {}  # of the engine's own, by their long names; true: without a value


class PoolWish(Wish):
    """A part of the devices."""

    devices: list[str] = []  # empty: all
    memory: Bytes | None = Field(default=None, gt=0)  # of each of them
    share: Part | None = None


class PolicyWish(Wish):
    """What holds for all models."""

    eviction: Literal["cost", "lru"] = "cost"
    residency: Seconds = 15.0
    loads_per_device: int = Field(default=1, ge=1)
    patience: Seconds = 300.0
    spill: bool = False
    ttl: Seconds | None = None
    keep_last: bool = False
    restarts: int = Field(default=3, ge=0)


class RoleWish(Wish):
    """What a caller's role may."""

    preempts: bool = True  # others may be stopped for its models
    preempted: bool = True  # a model that answers its callers may be told to go after them


class RouteWish(Wish):
    """One of the models behind a name that several serve."""

    to: str
    tokens: int | None = Field(default=None, ge=1)  # the longest request that it is for
    roles: list[str] = []  # of the callers that it is meant for; empty: all alike


class ImageWish(Wish):
    """An engine's image of the operator's own, and what starts the engine in it."""

    image: str  # by its digest
    version: str = ""
    command: list[str] = []  # empty: as in the image of the engine's makers


class WishesFile(Wish):
    """The whole file."""

    preload: list[str] = []
    models: dict[str, ModelWish] = {}
    pools: dict[PoolName, PoolWish] = {}
    configs: dict[str, dict[str, ModelWish]] = {}  # of a model, by name; models' own are in force
    policy: PolicyWish = PolicyWish()
    roles: dict[str, RoleWish] = {}
    routes: dict[str, Annotated[list[RouteWish], Field(min_length=1)]] = {}
    images: dict[str, ImageWish | str] = {}  # by the engine's name
    # Engines outlive a server that dies for so long, and the next one takes them over; false: they
    # die with it.
    adopt: Lasting = 120.0

    def own_images(self) -> dict[str, dict[str, object] | str]:
        """Return what is said of images, as plain values."""
        return {
            engine: one if isinstance(one, str) else one.model_dump()
            for engine, one in self.images.items()
        }

    def of(self, model: str) -> ModelWish:
        """Return what is wished for a model."""
        return self.models.get(model) or ModelWish()

    def promised(self) -> dict[str, ModelWish]:
        """Return the models that are fetched when they are first asked for."""
        return {name: wish for name, wish in self.models.items() if wish.download}

    def preempts(self, role: str) -> bool:
        """Say whether callers of this role may push other models out."""
        return self.roles.get(role, RoleWish()).preempts

    def keeps(self, role: str) -> bool:
        """Say whether a model that answers callers of this role may not be pre-empted."""
        return not self.roles.get(role, RoleWish()).preempted

    def deployments(self) -> dict[str, ModelWish]:
        """Return what is served under a name of its own, from files that are kept under another."""
        return {name: wish for name, wish in self.models.items() if wish.of}

    def shares(self, devices: tuple[str, ...]) -> dict[str, Share]:
        """Return what each pool takes of this machine's devices."""
        return {
            name: Share(tuple(pool.devices) or devices, pool.memory, pool.share)
            for name, pool in self.pools.items()
        }

    def for_fleet(self, minute: int, canonical: Callable[[str], str]) -> f.Wishes:
        """Return the wishes as the fleet needs them, at this minute of the day."""
        preload = tuple(dict.fromkeys(map(canonical, (*self.preload, *self._pinned()))))
        names = {canonical(name): name for name in self.models} | {
            model: model for model in preload if model not in map(canonical, self.models)
        }
        rules = {
            model: self._rules(model, self.of(name), model in preload, minute)
            for model, name in names.items()
        }
        return f.Wishes(rules, preload, self._policy())

    def _pinned(self) -> tuple[str, ...]:
        return tuple(name for name, one in self.models.items() if one.pinned)

    def _rules(self, model: str, wish: ModelWish, pinned: bool, minute: int) -> f.Rules:
        closed = windows.closed(model, wish.hours, minute)
        return f.Rules(pinned, wish.pool, wish.replicas, wish.ttl, wish.less_context, closed)

    def _policy(self) -> f.Policy:
        said = self.policy
        return f.Policy(
            said.eviction, said.residency, said.loads_per_device, said.patience, said.ttl,
            said.spill, said.keep_last, said.restarts,
        )  # fmt: skip


PARTS: dict[str, type[Wish]] = {
    "": WishesFile, "models": ModelWish, "configs": ModelWish, "pools": PoolWish,
    "policy": PolicyWish, "roles": RoleWish, "routes": RouteWish, "images": ImageWish,
}  # fmt: skip


def load(path: Path) -> WishesFile:
    """Read the file; one that is not there wishes nothing. Raises UsageError."""
    return checked(values(path), path)


def values(path: Path) -> dict[Any, Any]:
    """Return what the file says, as it stands there. Raises UsageError."""
    content = files.read(path, new=True) or b""
    return _mapping(editing.read(files.decoded(path, content), str(path)), path)


def checked(value: Any, path: Path) -> WishesFile:
    """Return the wishes that a value writes down. Raises UsageError with the place."""
    try:
        return WishesFile.model_validate(editing.merged(value or {}))
    except ValidationError as error:
        raise refusal(path, error.errors()[0], PARTS) from None


def edit(path: Path, change: Callable[[Any], None]) -> WishesFile:
    """Change the file in one step; the rest of it stays to the byte.

    Raises UsageError and CannotEdit, and writes nothing then.
    """
    found: list[WishesFile] = []

    def changed(held: Any) -> Any:
        wanted = deepcopy(_mapping(held, path))
        change(wanted)
        try:
            found.append(checked(wanted, path))
        except UsageError as error:
            checked(held, path)  # where the file was wrong before, it says so
            what = error.what.removeprefix(f"{path}: ")
            raise UsageError(what, hint=f"Nothing was changed in {path}.") from None
        return wanted

    with hold(path.with_name(f".{FILE}.lock")):
        planned = files.plan(path, changed, new=True)
        if planned.before is None and planned.after is not None:
            durable.write(path, planned.after)  # for its owner alone
        else:
            files.carry_out(planned, copy=False)
    return found[0]


def _mapping(value: Any, path: Path) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"{path} must be a mapping of names to values.")
    return value
