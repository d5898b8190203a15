"""Nouns of running: where a model goes, and what starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ostler.nouns.facts import ModelFacts
from ostler.nouns.keeping import Task


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
    via: str  # "wheel", "binary" (on PATH), "placed" (in the folder of engines), "environment"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one engine says of one model on one machine."""

    engine: str
    can: bool
    because: str
    installed: Installed | None = None
    kinds: tuple[str, ...] = ()  # of the devices it would use here; empty: of any
    unlisted: bool = False  # it cannot, as it does not load models of this architecture


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


class Scores(StrEnum):
    """How an engine says a reranker's scores; callers are given the sigmoid of its raw output."""

    GIVEN = "given"  # on that scale, or on one of the model's maker: passed on
    LIST = "list"  # the same, as a bare list
    LOGITS = "logits"  # raw, whatever their form


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
    scores: Scores = Scores.GIVEN  # of a reranker
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
