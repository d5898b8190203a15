"""What the control API says of the store and of hubs, as pydantic schemas. Sizes are bytes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class KeptModel(BaseModel):
    """One model that is kept here: a quantization of a repository at one commit."""

    id: str  # the name it is served by
    aliases: list[str] = []
    name: str  # of the repository
    variant: str
    format: str
    quantization: str | None = None  # as its files say; None: plain floats, or not known
    dtype: str | None = None
    task: str | None = None
    parameters: int | None = None
    context_length: int | None = None  # tokens
    bytes: int  # of its weight files: the logical size
    own_bytes: int  # of these, what no other kept model shares
    commit: str
    revisions: list[str] = []
    licence: str | None = None
    gated: str | None = None
    private: bool = False
    origin: str = ""  # the hub's address
    pulled_at: str = ""  # UTC, ISO 8601
    derived_from: str = ""  # what it was made from here
    made_by: str = ""
    damaged: bool = False  # a verification found it so, and nothing mended it since
    state: str = "stopped"  # as the fleet has it


class StoreShown(BaseModel):
    """What is kept here, and the room it takes."""

    home: str
    models: list[KeptModel]
    partial: list[str] = []  # repositories kept without whole weights
    logical_bytes: int  # of all files of all models
    physical_bytes: int  # on the disk: what several models share counts once
    free_bytes: int
    disk_bytes: int
    trash_bytes: int
    archived: int  # models moved to other disks


class KeptPart(BaseModel):
    """One verified file of a kept model."""

    path: str
    bytes: int
    sha256: str
    weights: bool = False  # one of the model's own weight files
    damaged: bool = False


class LicenceShown(BaseModel):
    """A licence, and what the operator's policy says of it."""

    licence: str | None
    licence_name: str
    commercial_use: str
    conditions: str
    decision: str  # allow, warn or block
    because: str
    accepted_by: str | None = None
    accepted_at: str | None = None


class DownloadTried(BaseModel):
    """One try to download a model."""

    model: str
    outcome: str
    at: str = ""
    seconds: float | None = None
    bytes: int | None = None
    code: str = ""
    what: str = ""


class MemoryMeasured(BaseModel):
    """What a part of a model took in memory, in bytes."""

    component: str
    bytes: int
    engine: str
    version: str = ""
    device: str | None = None
    context: int | None = None
    sequences: int | None = None
    source: str = ""
    at: str = ""


class KeptDetails(KeptModel):
    """A kept model in full."""

    folder: str
    files: list[KeptPart]
    architecture: str | None = None
    layers: int | None = None
    hidden: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocabulary: int | None = None
    experts: int | None = None
    chat_template: bool = False
    unknown: list[str] = []  # what its files do not tell, each as a sentence
    terms: LicenceShown
    measured: list[MemoryMeasured] = []
    downloads: list[DownloadTried] = []


class Going(BaseModel):
    """What would go, or went, of one kept commit."""

    name: str
    commit: str
    files: list[str]
    whole: bool  # nothing of this commit stays
    freed_bytes: int
    shared_bytes: int  # that stay, since other models name them


class Removed(BaseModel):
    """A removal: planned where `removed` is false."""

    removed: bool
    models: list[Going]
    freed_bytes: int  # at once; 0 while the trash holds them
    frees_bytes: int  # in the end
    until: str | None = None  # when the trash lets go of it; None: at once
    stops: list[str] = []  # loaded models that end with it
    changed: list[str] = []  # files that name it and are written without it
    diff: str = ""


class Thrown(BaseModel):
    """One removal that can be undone."""

    id: str
    removed_at: str
    until: str
    bytes: int
    models: list[Going]


class ToRestore(BaseModel):
    """Which removal to undo: the last one of this model, or of all."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, max_length=300)


class Restored(BaseModel):
    """What came back, or would."""

    restored: bool
    bytes: int
    models: list[str]
    changed: list[str] = []  # files that say again what the removal took out of them
    diff: str = ""
    notes: list[str] = []  # what is left as it is in them, and why


class Away(BaseModel):
    """A model on another disk."""

    name: str
    commit: str
    bytes: int
    at: str  # the folder


class ToVerify(BaseModel):
    """How a model is to be proven."""

    model_config = ConfigDict(extra="forbid")

    repair: bool = False  # fetch what is damaged again, and only that


class ToArchive(BaseModel):
    """Where a model is to go."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=1, max_length=4000)  # a folder of the server's machine
    force: bool = False  # even while it is loaded


class ToBringBack(BaseModel):
    """From where a model is to come back."""

    model_config = ConfigDict(extra="forbid")

    place: str | None = Field(None, max_length=4000)  # None: where it was archived to
    keep: bool = False  # leave the copy there


class CopyPlanned(BaseModel):
    """What a move between disks would copy."""

    models: list[str]
    at: str
    copy_bytes: int
    have_bytes: int  # there already
    free_bytes: int
    reserve_bytes: int  # that stay free
    fits: bool


# --- hubs -----------------------------------------------------------------------------------


class Hit(BaseModel):
    """One model that was found, here or on the hub."""

    name: str
    local: bool
    formats: list[str] = []
    size: int | None = None
    gated: str | None = None
    licence: str | None = None
    commercial_use: str | None = None  # what is known of that licence
    task: str | None = None
    downloads: int | None = None


class Hits(BaseModel):
    """What was found, and whether the hub could be asked at all."""

    words: str
    results: list[Hit]
    hub: str
    hub_error: str | None = None
    retry_after: float | None = None


class PlannedFile(BaseModel):
    """One file of a repository, and what a pull does with it."""

    path: str
    bytes: int
    act: str  # fetch, have or leave
    because: str


class Quantization(BaseModel):
    """One choice that a repository offers."""

    name: str
    format: str
    bytes: int
    missing: list[str] = []  # shards that are not there


class PullPlanned(BaseModel):
    """What a pull would do; nothing was fetched."""

    name: str
    commit: str
    variant: str | None
    files: list[PlannedFile]
    variants: list[Quantization]
    fetch_bytes: int
    total_bytes: int
    partial_bytes: int  # of the fetch, what an earlier pull has left here
    free_bytes: int
    reserve_bytes: int
    because: str  # why so much stays free
    claimed_bytes: int  # by downloads that run now
    budget_bytes: int | None = None
    used_bytes: int = 0  # of the budget
    fits: bool
    terms: LicenceShown
    gated: str | None = None
    private: bool = False
    token: bool  # the server has one to show, or was given one
    notes: list[str] = []


class CatalogueEntry(BaseModel):
    """One model that is known by a short name."""

    model_config = ConfigDict(extra="ignore")

    id: str
    repo: str
    tasks: list[str] = []
    licence: str | None = None
    good_for: list[str] = []
    not_good_for: list[str] = []
    notes: str = ""
    origin: str = "shipped"
    parameters: int | None = None
    billions: float | None = None  # as typed, where its parameters are not known
    context_length: int | None = None
    weight_bytes: int | None = None
    total_bytes: int | None = None  # of memory, for one request
    unknown: str = ""  # why there is no such figure
    status: str  # available, failed or not kept
    gpu: str | None = None  # the cheapest offer that holds it
    usd_per_hour: float | None = None
    as_of: str | None = None  # when that price was read
    stale: bool = False


class Advised(BaseModel):
    """What to take of one model on one platform."""

    model: str
    uses: list[str]
    platform: str
    take: str
    variant: str
    size: str
    memory: int | None  # bytes for one request
    origin: str
