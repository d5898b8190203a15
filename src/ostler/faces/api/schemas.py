"""What the control API says, as pydantic schemas; the OpenAPI page is made from them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ostler.settings import LONGEST_CONTEXT


class Model(BaseModel):
    """One entry of `/v1/models`; the fields after `owned_by` are Ostler's own."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    state: str  # stopped, sizing, starting, ready, draining, stopping, failed
    task: str | None = None
    aliases: list[str] = []
    size: int | None = None  # bytes of weight files
    context_length: int | None = None
    eta_seconds: float | None = None  # until it is ready, while it comes


class Models(BaseModel):
    """The answer of `/v1/models`."""

    object: Literal["list"] = "list"
    data: list[Model]


class Loaded(BaseModel):
    """One model of the fleet."""

    id: str  # a replica beyond the first is written name~2
    state: str
    busy: bool = False
    pinned: bool = False
    pool: str | None = None
    engine: str | None = None
    device: str | None = None
    memory_bytes: int | None = None  # what it is counted with, margin included
    context: int | None = None
    pid: int | None = None
    port: int | None = None
    seconds: float | None = None  # in this state
    start_seconds: float | None = None  # from its engine's start to its first answer
    eta_seconds: float | None = None  # until it is ready, while it comes
    lease_seconds: float | None = None  # until it ends, where it was loaded for a time
    requests: int = 0
    last_used_seconds: float | None = None  # since a request ended; 0: it has one; null: unknown
    why: str | None = None
    code: str | None = None  # of the error that it failed with
    cause: str | None = None  # why its engine failed, a word that never changes
    hint: str | None = None  # what to do about that
    log: str | None = None
    placed: str | None = None  # why it is where it is


class DeviceState(BaseModel):
    """One device's memory, as the fleet counts it."""

    id: str
    name: str
    room_bytes: int  # what models may take
    held_bytes: int  # what loaded models are counted with
    total_bytes: int | None = None  # of the device; what is more than the room is the system's
    used_bytes: int | None = None  # by whomever, at the last look; None: nobody has looked yet
    load_bytes_per_second: float | None = None  # measured here; None: no load yet


class PoolState(BaseModel):
    """A pool's part of one device."""

    pool: str  # empty: what is in no pool
    device: str
    room_bytes: int
    held_bytes: int
    models: list[str]


class LoadEstimate(BaseModel):
    """What a load would take."""

    id: str
    engine: str
    memory_bytes: int  # margin included
    context: int
    devices: list[str]  # that it could go to, best first
    seconds: float  # from its bytes and the speed measured here


class Wished(BaseModel):
    """The operator's wishes in force, and those that cannot be met."""

    path: str
    preload: list[str]
    wishes: dict[str, object]
    unmet: list[str]


class ServerState(BaseModel):
    """The server itself."""

    version: str
    pid: int
    address: str
    home: str
    dashboard: str | None = None  # where its web pages are; None: it runs without them
    seconds: float
    devices: list[DeviceState]
    pools: list[PoolState] = []
    waiting: list[str] = []  # models that wait for room, first come first
    loading: list[str] = []  # preloaded models that are not up yet
    warnings: list[str] = []


class Fleet(ServerState):
    """The server with everything that runs on it."""

    models: list[Loaded]


class Pull(BaseModel):
    """A download: requested, downloading, available, failed or cancelled."""

    model: str
    status: str
    by: str | None = None  # who asked first: `key:anna`, `api` or `keeper`
    asked_at: float | None = None  # seconds since 1970, as `ended_at`
    ended_at: float | None = None
    attempts: int = 0
    done_bytes: int | None = None  # of `total_bytes`, while it is on its way
    total_bytes: int | None = None
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    why: str | None = None  # it failed


class Deployment(BaseModel):
    """A model that is wished to run, or does."""

    model: str
    state: str
    path: str  # of its own address: <server><path>/chat/completions
    pinned: bool = False
    wish: dict[str, object] = {}  # what is wished for it beyond the defaults
    units: list[Loaded] = []  # its engines, one for each replica
    last_used_seconds: float | None = None  # since a request ended; 0: it has one; null: unknown
    why: str | None = None
    code: str | None = None  # of the error that it failed with
    hint: str | None = None  # what to do about that


class Deployed(BaseModel):
    """A deployment to be made; what is not given stays as it is wished already."""

    model_config = ConfigDict(extra="forbid")

    model: str
    wait: bool = True  # until it is ready
    replicas: int | None = Field(None, ge=1, le=64)
    context: int | None = Field(None, ge=1, le=LONGEST_CONTEXT)
    sequences: int | None = Field(None, ge=1)
    engine: str | None = None
    pool: str | None = None
    pinned: bool | None = None
    aliases: list[str] | None = None
    max_concurrent: int | None = Field(None, ge=1)


class ToEstimate(BaseModel):
    """A deployment to be estimated; what is not given is as the server would do it."""

    model_config = ConfigDict(extra="forbid")

    model: str
    context: int | None = Field(None, ge=1, le=LONGEST_CONTEXT)  # tokens of one sequence
    sequences: int | None = Field(None, ge=1)
    kv_dtype: str | None = None
    engine: str | None = None


class Estimated(BaseModel):
    """What a deployment would need, and whether it could be here. GB are 10^9 bytes."""

    model: str
    engine: str
    context: int
    sequences: int
    estimate_bytes: int  # margin included: the sum of `parts`
    estimate_gb: float
    parts: dict[str, int]  # bytes by what they are for
    highest_device: str | None  # the device with the most room that its engine can use
    highest_device_bytes: int  # that room, if nothing of ours were loaded
    highest_node_gb: float
    fits: bool
    because: str
