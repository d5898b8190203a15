"""What the control API says of work that takes a while, and of checks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Work(BaseModel):
    """A piece of work: waiting, running, done, failed or cancelled."""

    id: str
    kind: str  # verify, repair, archive, unarchive, quantize, add, sample
    model: str
    state: str
    by: str | None = None  # who asked: `key:anna`, `api`; None: another process
    began: float  # seconds since 1970, as `ended`
    ended: float | None = None
    stage: str = ""
    done: int = 0
    total: int = 0  # of `unit`; 0: not known
    unit: str = "bytes"
    note: str = ""
    result: dict[str, Any] | None = None  # what came of it
    error: dict[str, Any] | None = None  # code, message and hint of why it failed


class FindingShown(BaseModel):
    """One thing that was looked at: ok, info, warn or fail."""

    check: str
    state: str
    what: str
    fix: str = ""


class Findings(BaseModel):
    """What was found, and the gravest state of it."""

    state: str
    findings: list[FindingShown]


class DriftShown(BaseModel):
    """One thing that is not as it is wished."""

    kind: str
    where: str
    what: str
    fix: str


class Synced(BaseModel):
    """What is not in sync, and what was, or would be, written."""

    in_sync: bool
    differences: list[DriftShown]
    wrote: bool = False
    diff: str = ""
    copies: list[str] = []  # of files as they were


class ToQuantize(BaseModel):
    """Weights to be made smaller."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=300)
    to: str = Field(min_length=1, max_length=40)
    name: str | None = Field(None, max_length=300)
    anew: bool = False  # even where the hub has it ready-made


class QuantizePlanned(BaseModel):
    """What making weights smaller would take. Sizes are bytes."""

    model_config = ConfigDict(extra="ignore")

    model: str
    name: str
    bytes_before: int
    bytes_after: int
    exact: bool
    memory_bytes: int
    disk_bytes: int
    tool: str
    licence: str | None = None
    method: dict[str, Any]
    ready_made: list[dict[str, Any]] = []
    hub_error: str | None = None


class ToAdd(BaseModel):
    """A model to be fetched, configured, loaded and tried, or nothing of it."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=300)
    gpus: list[str] = Field([], max_length=64)
    context: int | None = Field(None, ge=1)
    max_concurrent: int | None = Field(None, ge=1)
    sequences: int | None = Field(None, ge=1)
    name: str | None = Field(None, max_length=300)
    engine: str | None = Field(None, max_length=40)


class ToSample(BaseModel):
    """Which of the tiny models that come with Ostler."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["chat", "embed", "rerank"] = "chat"


class Step(BaseModel):
    """One step of adding a model."""

    step: str
    what: str


class AddPlanned(BaseModel):
    """The steps of adding a model, before any is done."""

    model: str
    steps: list[Step]
