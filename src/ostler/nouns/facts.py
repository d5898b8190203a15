"""Nouns of knowing: what a model is, and what it needs in memory."""

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
    score_functions: tuple[tuple[str, str], ...] = ()  # of a reranker, by the setting that names it


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
    for_all: bool = False  # the context was said for every model: one that takes less gets less

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
