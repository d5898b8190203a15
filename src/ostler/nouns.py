"""The vocabulary: frozen values that every floor shares. No behaviour that waits.

Sizes are bytes, times are seconds. `None` means unknown, never zero and never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Task(StrEnum):
    """What a model is asked to do; it decides the endpoint and the engine's flags."""

    CHAT = "chat"
    EMBED = "embed"
    RERANK = "rerank"


class Format(StrEnum):
    """How the weights are stored."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"
    PYTORCH = "pytorch"


# --- naming and finding -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRef:
    """What a user types: `hf:org/name@revision#variant`."""

    name: str
    revision: str | None = None
    variant: str | None = None
    source: str = "hf"

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        of = f"#{self.variant}" if self.variant else ""
        return f"{self.source}:{self.name}{at}{of}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository as its hub describes it.

    `sha256` is known for large (LFS) files, `git_sha1` (the git blob id) for all others.
    """

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit: what is there to fetch."""

    source: str
    name: str
    commit: str
    files: tuple[RemoteFile, ...]
    revision: str | None = None
    asked_name: str | None = None  # what was asked for, where the hub has renamed it
    licence: str | None = None
    gated: str | None = None  # None, "auto" or "manual"
    private: bool = False
    task: str | None = None  # the hub's pipeline tag
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One search result, from the hub or from the store."""

    name: str
    local: bool
    formats: tuple[str, ...] = ()
    size: int | None = None
    gated: str | None = None
    licence: str | None = None
    task: str | None = None
    downloads: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResults:
    """What was found, and whether the hub could be asked at all."""

    results: tuple[Found, ...]
    hub_error: str | None = None
    retry_after: float | None = None

    @property
    def local_results_only(self) -> bool:
        return self.hub_error is not None


# --- choosing files -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variant:
    """One servable choice inside a repository: a quantization with all of its shards."""

    name: str  # "q4_k_m", "f32", "safetensors", "awq"; unique within the repository
    format: Format
    files: tuple[str, ...]  # weight files in shard order
    missing: tuple[str, ...] = ()  # shards that the names promise and the listing lacks


@dataclass(frozen=True, slots=True)
class Planned:
    """A file and why it is where it is in the plan."""

    file: RemoteFile
    because: str


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull would do, before it does anything."""

    listing: Listing
    variant: str | None
    fetch: tuple[Planned, ...]
    have: tuple[Planned, ...]
    ignored: tuple[Planned, ...]
    notes: tuple[str, ...] = ()

    @property
    def fetch_bytes(self) -> int:
        return sum(planned.file.size for planned in self.fetch)

    @property
    def total_bytes(self) -> int:
        return self.fetch_bytes + sum(planned.file.size for planned in self.have)


# --- keeping ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One verified file: its path in the repository, and the blob that holds its bytes."""

    path: str
    size: int
    sha256: str
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A repository at one commit, as kept here. It exists only once every file is verified."""

    source: str
    name: str
    commit: str
    files: tuple[KeptFile, ...]
    revisions: tuple[str, ...] = ()  # branch and tag names that led to this commit
    aliases: tuple[str, ...] = ()  # former names of the repository
    licence: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    pulled_at: str = ""  # UTC, ISO 8601
    origin: str = ""  # the hub's address, without credentials
    tool: str = ""  # "ostler 0.1.0"

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a model, or one variant of it, would do."""

    manifest: Manifest
    remaining: Manifest | None  # None: nothing of the model stays
    files: tuple[KeptFile, ...]  # what goes from the manifest
    freed: frozenset[str]  # sha256 of blobs that no manifest names afterwards
    shared: frozenset[str]  # sha256 of blobs that go from here and stay for others

    @property
    def freed_bytes(self) -> int:
        return sum(
            {file.sha256: file.size for file in self.files if file.sha256 in self.freed}.values()
        )


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing wrong with a kept file."""

    path: str
    kind: str  # "missing", "size", "hash", "unreadable"
    expected: str
    got: str


# --- facts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a header describes it."""

    name: str
    dtype: str  # "F32", "BF16", "Q8_0", ...
    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True, slots=True)
class TensorTable:
    """The header of one weight file."""

    format: Format
    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, object] = field(default_factory=dict)
    header_bytes: int = 0  # where the tensor data begins


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the files themselves say of a model. Never taken from a file's name."""

    format: Format
    architecture: str | None
    task: Task | None
    parameters: int | None
    weight_bytes: int
    dtype: str | None  # the type that holds most of the bytes
    quantization: str | None = None  # "q8_0", "awq 4-bit"; None where weights are plain floats
    context_length: int | None = None
    layers: int | None = None
    hidden: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocabulary: int | None = None
    feed_forward: int | None = None
    attention: str | None = None  # "full", "sliding", "latent", "varied", "none" (an encoder)
    chat_template: bool = False
    remote_code: bool = False  # needs code from the repository, which is off by default
    unknown: tuple[str, ...] = ()  # what could not be read, each as a short sentence


# --- what it needs ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workload:
    """What the model will be asked to carry."""

    context: int | None = None  # tokens per sequence; None: the model's own, within reason
    sequences: int = 1  # served at the same moment
    kv_dtype: str = "f16"
    threads: int | None = None  # CPU threads of the engine; None: the engine's own choice


@dataclass(frozen=True, slots=True)
class Term:
    """One part of an estimate, and where it comes from."""

    name: str
    bytes: int
    because: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a model needs in memory: a sum of terms, with the margin apart."""

    engine: str
    context: int
    sequences: int
    terms: tuple[Term, ...]
    margin: Term
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(term.bytes for term in self.terms)

    @property
    def required(self) -> int:
        return self.total + self.margin.bytes


@dataclass(frozen=True, slots=True)
class Device:
    """Memory a model can be put in: a GPU, or the machine's own memory for the CPU."""

    kind: str  # "cpu", "nvidia", "amd", "apple"
    index: int
    name: str
    total_bytes: int
    free_bytes: int
    driver: str | None = None

    @property
    def id(self) -> str:
        """A short name, unique on its machine: `cpu`, `nvidia:0`."""
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine, as far as choosing and placing need to know it."""

    system: str  # "linux", "darwin", "windows"
    machine: str  # "x86_64", "arm64"
    cpu: str
    cores: int
    devices: tuple[Device, ...]  # the CPU is always one of them
    notes: tuple[str, ...] = ()

    def of_kind(self, kind: str) -> tuple[Device, ...]:
        return tuple(device for device in self.devices if device.kind == kind)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model goes, or why it cannot go there."""

    device: Device
    required: int
    fits: bool
    because: str


# --- engines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Installed:
    """An engine that can be started on this machine."""

    engine: str
    version: str
    argv: tuple[str, ...]  # the words that start it, before its own arguments
    via: str  # "wheel", "binary"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one engine says of one model on one machine."""

    engine: str
    can: bool
    because: str
    installed: Installed | None = None
    kinds: tuple[str, ...] = ()  # of the devices it would use here; empty: of any


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine chosen, the rule that chose it, and what every other engine said."""

    engine: str
    rule: str
    installed: Installed
    verdicts: tuple[Verdict, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of device that the chosen engine would use; empty: any."""
        return next((v.kinds for v in self.verdicts if v.engine == self.engine), ())


@dataclass(frozen=True, slots=True)
class Served:
    """A model ready to be given to an engine: the files on disk and the name to serve."""

    id: str  # the name callers use in `model`
    folder: str  # a folder with the repository's files under their own names
    weights: str  # the first (or only) weight file, absolute
    task: Task
    facts: ModelFacts
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """A process to be: everything that a launcher or an exporter needs, and nothing run yet."""

    engine: str
    argv: tuple[str, ...]
    model: Served
    host: str
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)  # name in cwd -> target, made first
    health_path: str = "/health"
    metrics_path: str | None = None
    model_name: str = ""  # what this engine wants to read in a request's `model`
    adds_done: bool = False  # its streams end without `data: [DONE]`; the gateway adds it
    deadline: float = 120.0  # seconds until it must have answered a real request
    watches_parent: bool = False  # it ends by itself when whoever started it dies


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an engine died or will not start, and what to do next."""

    cause: str  # a stable word: "out_of_memory", "port_in_use", "corrupt_file", "unknown", ...
    what: str
    advice: str
    evidence: str = ""  # the log line that says so
