"""Weights by role: what each is for, how tensor parallelism splits it, what a rank then holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ostler.nouns import TensorTable, WeightPart

# What GPUs that share a layer each hold whole: small vectors, routers, and MLA's narrow ends.
WHOLE = ("norm", "ffn_gate_inp", "attn_kv_a_mqa", "attn_q_a", "ssm_ba", "position_embd", "cls")
ROLES = {
    "token_embd": "embedding",
    "per_layer_token_embd": "embedding",
    "position_embd": "embedding",
    "output": "output",
    "vision": "vision",
    "draft": "draft",
    "norm": "norms",
    "cls": "head",
}
# Names in safetensors files of transformers models, the telling ones first.
NAMES = (
    (re.compile(r"(^|\.)(mtp|nextn)\.|\.eh_proj|\.shared_head\."), "draft"),
    (re.compile(r"visual|vision|image|siglip|vit\.|multi_modal_projector|mm_"), "vision"),
    (re.compile(r"audio|whisper|speech"), "audio"),
    (re.compile(r"embed_tokens|wte\.|word_embeddings|embed_in\b|token_embd"), "embedding"),
    (re.compile(r"^lm_head|embed_out|^output\.weight|^output_layer"), "output"),
    (re.compile(r"norm|layernorm|ln_|\.bias$|A_log|dt_bias|\.D$|conv1d"), "norms"),
    (re.compile(r"experts?\.|_exps"), "experts"),
    (re.compile(r"router|mlp\.gate\.|ffn_gate_inp"), "router"),
    (re.compile(r"kv_a_proj|q_a_proj|attn_kv_a|attn_q_a"), "latent"),
    (re.compile(r"[kv]_proj|attn_[kv]\."), "keys and values"),
    (re.compile(r"attn|attention|q_proj|o_proj|in_proj|out_proj|ssm"), "attention"),
    (re.compile(r"mlp|ffn|feed_forward|fc\d|dense"), "feed forward"),
)
NOT_SPLIT = ("norms", "router", "latent", "head", "audio")
SPLIT_BY_HEADS = "keys and values"


def role_of(name: str) -> str:
    """Return the part of the model that a matrix in llama.cpp's names belongs to."""
    if name in ROLES:
        return ROLES[name]
    if name.endswith("_exps"):
        return "experts"
    if name == "ffn_gate_inp":
        return "router"
    if name in ("attn_k", "attn_v"):
        return SPLIT_BY_HEADS
    if name in WHOLE:
        return "latent"
    return "feed forward" if name.startswith("ffn") else "attention"


def split_of(name: str) -> str:
    """Return how tensor parallelism splits a matrix in llama.cpp's names: see WeightPart."""
    return "heads" if name in ("attn_k", "attn_v") else "none" if name in WHOLE else "all"


def of_tensors(tables: Iterable[TensorTable], layers: int | None) -> tuple[WeightPart, ...]:
    """Return the parts of the tensors of a model, by their names.

    Layers behind the last are those that guess tokens ahead. Tensors of one name count once.
    """
    sizes: dict[str, int] = {}
    seen: set[str] = set()
    for table in tables:
        for tensor in table.tensors:
            if tensor.name not in seen:
                seen.add(tensor.name)
                role = _role(tensor.name, layers)
                sizes[role] = sizes.get(role, 0) + tensor.nbytes
    return tuple(WeightPart(role, size, _split(role)) for role, size in sizes.items())


def _role(name: str, layers: int | None) -> str:
    at = re.search(r"(?:model\.layers|^layers|^blk)\.(\d+)\.", name)
    if at and layers is not None and int(at[1]) >= layers:
        return "draft"
    return next((role for pattern, role in NAMES if pattern.search(name)), "other")


def _split(role: str) -> str:
    return "heads" if role == SPLIT_BY_HEADS else "none" if role in NOT_SPLIT else "all"


def rank_bytes(part: WeightPart, ranks: int, kv_heads: int | None) -> int:
    """Return what each of `ranks` GPUs holds of a part; KV heads are copied when too few."""
    if part.split == "none":
        return part.bytes
    shares = ranks if part.split == "all" else min(ranks, kv_heads or ranks)
    return -(-part.bytes // shares)
