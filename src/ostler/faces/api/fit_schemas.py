"""What the control API says of memory, GPUs and prices. Memory is bytes, money US dollars."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ToFit(BaseModel):
    """A model, kept or on a hub, and what it is to carry; what is not given is the usual."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=300)
    gpu: str | None = Field(None, max_length=100)  # in place of this machine
    tensor_parallel: int = Field(1, ge=1, le=64)  # GPUs that share each layer
    quantization: str | None = Field(None, max_length=40)
    what_if: bool = False  # compute the quantization, though nobody has made it
    context: int | None = Field(None, ge=1, le=2**31)  # tokens of one sequence
    sequences: int = Field(1, ge=1, le=2**20)
    kv_dtype: str | None = Field(None, max_length=40)
    engine: str | None = Field(None, max_length=40)
    margin_percent: int = Field(10, ge=0, le=100)


class TermShown(BaseModel):
    """One part of an estimate, and where it comes from."""

    name: str
    bytes: int
    because: str


class PlaceShown(BaseModel):
    """One device, held against what is needed."""

    id: str
    name: str
    kind: str
    room_bytes: int  # that models may take
    total_bytes: int
    fits: bool
    because: str


class ChangeShown(BaseModel):
    """One thing done differently, so that it fits."""

    what: str  # as `ostler fit` takes it
    cost: str
    required_bytes: int


class GpuVerdict(BaseModel):
    """One GPU that could be rented or bought, held against what is needed on each."""

    name: str
    vendor: str
    memory_gb: float  # as sold, of 10^9 bytes
    room_bytes: int
    room_known: bool  # a driver's figure is published
    fits: bool
    because: str
    provider: str | None = None  # of the cheapest offer of so many
    usd_per_hour: float | None = None
    as_of: str | None = None  # when that price was read
    stale: bool = False
    offered: bool = False  # somebody rents out so many of them


class QuantizationChoice(BaseModel):
    """A quantization to choose: there, or computed."""

    name: str
    here: bool  # the repository holds it
    bytes: int | None = None  # of its weights


class Fitted(BaseModel):
    """What a model needs, as terms that add up, and where it fits."""

    id: str
    name: str
    kept: bool
    task: str | None = None
    parameters: int | None = None
    dtype: str | None = None
    quantization: str | None = None  # of the weights that were counted
    licence: str | None = None
    engine: str
    engine_version: str | None = None
    engine_because: str
    tensor_parallel: int
    context: int
    longest_model: int | None = None  # tokens that the model itself takes
    sequences: int
    kv_dtype: str
    terms: list[TermShown]
    total_bytes: int
    margin: TermShown
    required_bytes: int
    fits: bool
    places: list[PlaceShown]  # best first
    longest_context: int | None = None  # on the best place; None: not even one token
    most_sequences: int | None = None
    changes: list[ChangeShown] = []  # the cheapest first, where it does not fit
    gpus: list[GpuVerdict] = []
    quantizations: list[QuantizationChoice] = []
    kv_types: list[str] = []
    splits: list[int] = []  # numbers of GPUs that can share its heads
    command: str  # that says the same
    notes: list[str] = []


class Price(BaseModel):
    """What GPUs cost by the hour, and when that was read."""

    model_config = ConfigDict(extra="ignore")

    provider: str
    instance: str
    gpu: str
    count: int
    memory_gb: float
    usd_per_hour: float | None
    spot: bool
    region: str
    as_of: str | None
    stale: bool
    available: bool | None = None
    source: str = ""
    note: str = ""


class GpuKnown(BaseModel):
    """One kind of GPU."""

    name: str
    aliases: list[str]
    vendor: str
    arch: str
    capability: str
    memory_gb: float
    usable_bytes: int
    usable_known: bool
    bandwidth_gb_s: float | None = None
    fp8: bool | None = None
    interconnect: str = ""
    source: str = ""
    confidence: str = ""
    offers: list[Price] = []


class Quote(Price):
    """An offer held against a model."""

    fits: bool
    because: str
    required_bytes_per_gpu: int | None = None
    room_bytes_per_gpu: int
    hours: float | None = None
    cost_usd: float | None = None


class ToRecommend(BaseModel):
    """A task, or a model, and what may be spent."""

    model_config = ConfigDict(extra="forbid")

    task: str | None = Field(None, max_length=40)
    model: str | None = Field(None, max_length=300)
    context: int | None = Field(None, ge=1, le=2**31)
    sequences: int = Field(1, ge=1, le=2**20)
    budget: float | None = Field(None, ge=0)  # US dollars an hour
    hours: float | None = Field(None, ge=0)
    providers: list[str] = Field([], max_length=50)
    spot: bool = False
    most_gpus: int = Field(8, ge=1, le=1024)


class PickShown(BaseModel):
    """A model on an offer."""

    model: str
    repo: str
    licence: str | None
    action: str  # reuse or deploy
    offer: Quote


class Recommended(BaseModel):
    """What to take, with the reason; or what comes closest."""

    recommended: PickShown | None
    reason: str
    others: list[PickShown] = []
    closest: PickShown | None = None
    left_out: list[list[str]] = []  # model, why
