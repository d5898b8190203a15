"""Making weights smaller: the methods, what each costs in quality, which tensors change and how.

The figures of a loss are those of one model, published by others; another model may lose more or
less. Which tensors llama.cpp leaves alone: `tensor_allows_quantization` in src/llama-quant.cpp.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ostler.core.dtypes import FLOATS, GGML_BY_NAME, GGML_TYPES, GGUF_FILE_TYPES
from ostler.core.quants import LARGEST_FIRST
from ostler.core.weights.mixtures import Recipe
from ostler.errors import UsageError
from ostler.nouns import Format, Found, ModelFacts, Tensor, TensorTable

HELP = "llama-quantize --help, measured on Llama-3-8B"
STUDY = "arXiv 2411.02355, on the Llama 3.1 family"
# What `llama-quantize --help` states as added perplexity on Llama-3-8B, where it states any.
PERPLEXITY = {
    "q8_0": 0.0026, "q6_k": 0.0217, "q5_k_m": 0.0569, "q5_k_s": 0.1049, "q5_1": 0.1062,
    "q5_0": 0.1316, "q4_k_m": 0.1754, "q4_k_s": 0.2689, "q4_1": 0.4511, "q4_0": 0.4685,
    "q3_k_l": 0.5562, "q3_k_m": 0.6569, "q3_k_s": 1.6321, "q2_k": 3.5199,
}  # fmt: skip
# llama.cpp makes these only with an importance matrix, which comes from running the whole model.
WITH_MATRIX = (
    *("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_xs", "q2_k_s"),
)
WITHOUT_LOSS = ("f32", "f16", "bf16")
NOT_OFFERED = (*WITH_MATRIX, *WITHOUT_LOSS, "mxfp4_moe", "nvfp4", "tq1_0", "tq2_0", "q1_0")
FILE_TYPES = {name: number for number, name in GGUF_FILE_TYPES.items()}
QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION, which every GGUF file with smaller weights names
ALIGNMENT = 32  # bytes; tensors begin at multiples of it unless a file says otherwise

MADE_HERE = "local/"  # the owner of what is made here, as names have one

SMALL = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
    "indexer.q_proj.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.",
    "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
)  # fmt: skip
WHOLE = ("position_embd.weight", "token_types.weight")
_RWKV = re.compile(r"time_mix_(first|[wvag]\d|decay_w\d|lerp_fused)\.weight")
_LAYER = re.compile(r"(?:blk\.(\d+)\.)?(.+)\.weight")


@dataclass(frozen=True, slots=True)
class Method:
    """One way of making weights smaller."""

    name: str  # "q4_k_m", "awq"
    format: Format  # of the result
    tool: str  # "llamacpp" or "llmcompressor"
    loss: str
    source: str  # of the figure
    scheme: str = ""  # llm-compressor's word: "W4A16"


PACKED = (
    Method("fp8", Format.SAFETENSORS, "llmcompressor", "none that could be measured", STUDY,
           "FP8_DYNAMIC"),
    Method("int8", Format.SAFETENSORS, "llmcompressor", "scores lower by 1 to 3 %", STUDY, "W8A8"),
    Method("awq", Format.SAFETENSORS, "llmcompressor", "about that of int8 (4-bit weights)", STUDY,
           "W4A16_ASYM"),
    Method("gptq", Format.SAFETENSORS, "llmcompressor", "about that of int8 (4-bit weights)", STUDY,
           "W4A16"),
)  # fmt: skip


def methods() -> tuple[Method, ...]:
    """Return every method that is offered, those for llama.cpp first, from large to small."""
    ranked = [name for name in LARGEST_FIRST if name in FILE_TYPES and name not in NOT_OFFERED]
    return (*map(_gguf, ranked), *PACKED)


def method(name: str) -> Method:
    """Return the method of this name. Raises UsageError for one that is not offered."""
    wanted = name.lower().replace("-", "_")
    found = next((one for one in methods() if one.name == wanted), None)
    if found:
        return found
    if wanted in WITH_MATRIX:
        raise UsageError(
            f"{wanted} needs an importance matrix, which comes from running the whole model over "
            "many texts; Ostler makes none.",
            hint="iq3_s and q2_k are the smallest without one. Publishers offer the others: "
            "`ostler search MODEL gguf`.",
        )
    names = ", ".join(one.name for one in methods())
    raise UsageError(f"There is no method called {name!r}.", hint=f"--to takes one of: {names}.")


def _gguf(name: str) -> Method:
    worse = PERPLEXITY.get(name)
    said = f"perplexity +{worse:.4f}" if worse is not None else "no figure published"
    source = HELP if worse is not None else "llama-quantize --help names none"
    return Method(name, Format.GGUF, "llamacpp", said, source)


# --- what changes -------------------------------------------------------------------------


def types(tables: Sequence[TensorTable], facts: ModelFacts, name: str) -> dict[str, int]:
    """Return GGML's number of the new type of each tensor that changes, by the tensor's name."""
    tensors = [tensor for table in tables for tensor in table.tensors]
    changing = [tensor for tensor in tensors if changes(tensor)]
    tied = not any(tensor.name == "output.weight" for tensor in tensors)
    group = (facts.heads or 1) // (facts.kv_heads or facts.heads or 1)
    found: dict[str, int] = {}
    counts = Counter(_role(tensor.name)[0] for tensor in changing)
    seen: Counter[str] = Counter()
    for tensor in sorted(changing, key=lambda one: _role(one.name)[1]):
        role, layer = _role(tensor.name)
        experts = facts.experts or 0
        at = layer if experts > 1 else seen[role]
        seen[role] += 1
        many = max(counts[role], facts.layers or 0 if experts > 1 else 0)
        recipe = Recipe(name.upper(), many, group, experts, tied)
        kind = recipe.type_of(role, tensor.shape[0], at)
        if tensor.shape[0] % kind.elements:
            kind = GGML_BY_NAME["F16"]  # as llama.cpp does with rows that fill no block at all
        if kind.name != tensor.dtype:
            found[tensor.name] = _number(kind.name)
    return found


def changes(tensor: Tensor) -> bool:
    """Say whether llama.cpp makes this tensor smaller: a matrix of weights, not a vector."""
    name = tensor.name
    matrix = sum(size > 1 for size in tensor.shape[1:]) > 0 and name.endswith("weight")
    kept = name in WHOLE or _RWKV.search(name) or any(part in name for part in SMALL)
    return matrix and not kept


def _role(name: str) -> tuple[str, int]:
    """Return llama.cpp's name of a matrix without its layer, and the layer: ("attn_v", 3)."""
    found = _LAYER.fullmatch(name)
    return (found[2], int(found[1] or 0)) if found else (name, 0)


def _number(name: str) -> int:
    return next(number for number, blocks in GGML_TYPES.items() if blocks.name == name)


def already(tables: Iterable[TensorTable]) -> str | None:
    """Return the type that most of the weights are packed in; None where they are plain floats."""
    sizes: Counter[str] = Counter()
    for table in tables:
        for tensor in table.tensors:
            sizes[tensor.dtype] += tensor.nbytes if changes(tensor) else 0
    most = max(sizes, key=lambda dtype: sizes[dtype], default="F32")
    return None if most in FLOATS else most


def size_after(tables: Sequence[TensorTable], new: Mapping[str, int]) -> int:
    """Return the bytes of the file: the header as it is, each tensor in its new type."""
    total = max((table.header_bytes for table in tables), default=0)
    for table in tables:
        for tensor in table.tensors:
            size = tensor.nbytes
            if tensor.name in new:
                blocks = GGML_TYPES[new[tensor.name]]
                numbers = 1
                for length in tensor.shape:
                    numbers *= length
                size = numbers // blocks.elements * blocks.size
            total += -(-size // ALIGNMENT) * ALIGNMENT
    return total


# --- what is there already ------------------------------------------------------------------

_ENDING = re.compile(
    r"[-_.](gguf|awq|gptq|fp8|int[48]|w\d+a\d+|bf16|f16|f32|i?q\d\w*|quantized)(?=[-_.]|$)", re.I
)


def stem(name: str) -> str:
    """Return a repository's name without its owner and without what tells of its weights."""
    last, before = name.rpartition("/")[2], ""
    while last != before:
        last, before = _ENDING.sub("", last), last
    return last


def ready_made(found: Iterable[Found], name: str, wanted: Method) -> tuple[Found, ...]:
    """Return the repositories that seem to hold this model made smaller, most fetched first.

    A name only promises: what is in a repository is known once its files are listed.
    """
    own, marks = stem(name).lower(), _marks(wanted)
    same = [
        one
        for one in found
        if (one.name != name or wanted.format is Format.GGUF)  # a repository of many variants
        and stem(one.name).lower() == own
        and any(mark in one.name.rpartition("/")[2].lower() for mark in marks)
        and not (one.local and one.downloads is None and one.name.startswith(MADE_HERE))
    ]
    return tuple(sorted(same, key=lambda one: -(one.downloads or 0)))


def words(name: str, wanted: Method) -> str:
    """Return what to search a hub for."""
    return f"{stem(name)} {_marks(wanted)[0]}"


def _marks(wanted: Method) -> tuple[str, ...]:
    if wanted.format is Format.GGUF:
        return ("gguf",)
    return {"int8": ("w8a8", "int8"), "gptq": ("gptq", "w4a16")}.get(wanted.name, (wanted.name,))


def new_name(name: str, wanted: Method) -> str:
    """Return the name that the result gets unless the user gives one."""
    return f"{MADE_HERE}{stem(name)}-{wanted.name.upper()}"
