"""Nouns of knowing and running: what a model is, what it needs, what starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ostler.nouns.keeping import Format, Task

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
class LayerKind:
    """Layers that keep the same things from token to token."""

    kind: str  # "full", "sliding", "chunked", "latent", "shared", "cross", "recurrent", "none"
    count: int
    kv_heads: int = 0
    key_dim: int = 0  # numbers per head; of a latent layer, what a loader without it keeps
    value_dim: int = 0
    window: int | None = None  # tokens that a sliding or chunked layer looks back
    latent_dim: int = 0  # numbers per token that all heads share: the latent and its position part
    latent_rank: int = 0  # of these, the latent alone
    index_dim: int = 0  # numbers per token of a sparse-attention index
    conv_numbers: int = 0  # per sequence, whatever its length
    state_numbers: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights of one shape and one role, over one or many layers."""

    role: str  # as llama.cpp names it: "attn_q", "ffn_down", "token_embd", ...
    columns: int
    rows: int
    copies: int = 1  # per layer: experts
    layers: tuple[int, ...] = ()  # empty: not part of a layer

    @property
    def parameters(self) -> int:
        return self.columns * self.rows * self.copies * max(len(self.layers), 1)


@dataclass(frozen=True, slots=True)
class WeightPart:
    """A part of the weights in bytes, and what tensor parallelism does with it."""

    role: str  # "embedding", "output", "attention", "experts", "vision", "draft", ...
    bytes: int
    split: str = "all"  # "all": divided among ranks; "heads": among KV heads; "none": on each


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
    family: str | None = None  # config.json's model_type, or GGUF's general.architecture
    layer_kinds: tuple[LayerKind, ...] = ()  # empty: not known layer by layer
    matrices: tuple[Matrix, ...] = ()  # empty: the shapes of the weights are not known
    parts: tuple[WeightPart, ...] = ()  # empty: only weight_bytes is known
    tied: bool = False  # the output matrix is the embedding matrix
    experts: int | None = None
    experts_per_token: int | None = None


# --- what it needs ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workload:
    """What the model will be asked to carry."""

    context: int | None = None  # tokens per sequence; None: the model's own, within reason
    sequences: int = 1  # served at the same moment
    kv_dtype: str = "f16"
    threads: int | None = None  # CPU threads of the engine; None: the engine's own choice
    tensor_parallel: int = 1  # GPUs that share each layer; terms are then those of one GPU
    sleeps: bool = False  # it may be put to sleep, where the engine can: see SleepMode
    flags: tuple[tuple[str, str], ...] = ()  # the engine's own that change memory: ("swa-full", "")

    def flag(self, name: str) -> str | None:
        """Return the value of a flag of the engine; None where it is not given."""
        return dict(self.flags).get(name)


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
    capability: float | None = None  # NVIDIA's compute capability, such as 8.9

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


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one part of a running model really took, so that its next estimate knows.

    `component` is "weights", "kv", "compute_buffer", "output_buffer", "activation", "graphs",
    "non_torch", or "total" (the process or its device, all parts together).
    """

    model: str  # org/name
    engine: str
    version: str  # of the engine
    component: str
    bytes: int
    commit: str = ""
    variant: str = ""
    family: str | None = None  # the architecture, as ModelFacts has it
    context: int | None = None  # tokens per sequence
    sequences: int | None = None
    kv_dtype: str | None = None
    tensor_parallel: int = 1  # GPUs that share each layer; the bytes are then those of one GPU
    flags: tuple[tuple[str, str], ...] = ()  # the engine's own that change memory
    device: str = ""  # "cpu", "nvidia:0"; empty where it is not known
    at: str = ""  # UTC, ISO 8601
    source: str = ""  # "log", "process", "device", or who said so


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
class SleepMode:
    """How a running engine is put to sleep and woken, over its own HTTP paths.

    Asleep it has given its device's memory back and keeps its weights in the machine's own.
    """

    sleep: str  # POST
    wake: str  # POST
    asleep: str  # GET; answers {"is_sleeping": true or false}


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
    files: Mapping[str, str] = field(default_factory=dict)  # name in cwd -> text, written first
    also: Mapping[str, int] = field(default_factory=dict)  # its other ports, by what they are for
    health_path: str = "/health"
    metrics_path: str | None = None
    model_name: str = ""  # what this engine wants to read in a request's `model`
    devices: tuple[str, ...] = ()  # the ids of those it may use: ("nvidia:0",); empty: all
    adds_done: bool = False  # its streams end without `data: [DONE]`; the gateway adds it
    deadline: float = 120.0  # seconds until it must have answered a real request
    watches_parent: bool = False  # it ends by itself when whoever started it dies
    sleep_mode: SleepMode | None = None  # None: it cannot sleep


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an engine died or will not start, and what to do next."""

    cause: str  # a stable word: "out_of_memory", "port_in_use", "corrupt_file", "unknown", ...
    what: str
    advice: str
    evidence: str = ""  # the log line that says so
