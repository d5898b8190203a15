"""What the control API says, as pydantic schemas; the OpenAPI page is made from them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


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
    requests: int = 0
    why: str | None = None
    log: str | None = None


class DeviceState(BaseModel):
    """One device's memory, as the fleet counts it."""

    id: str
    name: str
    room_bytes: int  # what models may take
    held_bytes: int  # what loaded models are counted with
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
    seconds: float
    devices: list[DeviceState]
    pools: list[PoolState] = []
    waiting: list[str] = []  # models that wait for room, first come first
    warnings: list[str] = []
