"""What each layer of a config.json keeps from token to token: the ground of every KV cache.

The shapes follow transformers' modeling files of the model types named here. A model type that is
not named is read like Llama where its settings allow that, and `known` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ostler.core.facts.attention import ENCODERS
from ostler.core.facts.recurrent import recurrent
from ostler.core.facts.sane import MOST_LAYERS
from ostler.nouns import LayerKind

# model_type of decoders whose layers are what this module says, beside ENCODERS.
DECODERS = frozenset((
    "apertus", "arcee", "baichuan", "bamba", "bitnet", "bloom", "chatglm", "codegen", "cohere",
    "cohere2", "dbrx", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots1", "ernie4_5",
    "ernie4_5_moe", "exaone", "exaone4", "falcon", "falcon_h1", "falcon_mamba", "gemma", "gemma2",
    "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text", "glm", "glm4",
    "glm4_moe", "glm4_moe_lite", "glm4v", "glm_moe_dsa", "gpt2", "gpt_bigcode", "gpt_neo",
    "gpt_neox", "gpt_oss", "gptj", "granite", "granitemoe", "granitemoehybrid",
    "granitemoeshared", "hunyuan_v1_dense", "hunyuan_v1_moe", "internlm2", "internlm3", "jamba",
    "kimi_k2", "lfm2", "lfm2_moe", "llama", "llama4", "llama4_text", "mamba", "mamba2", "minicpm",
    "minicpm3", "minimax", "ministral", "mistral", "mistral3", "mixtral", "mllama",
    "mllama_text_model", "mpt", "nemotron", "nemotron-nas", "nemotron_h", "olmo", "olmo2",
    "olmo3", "olmoe", "opt", "persimmon", "phi", "phi3", "phimoe", "qwen", "qwen2", "qwen2_5_vl",
    "qwen2_5_vl_text", "qwen2_moe", "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_5",
    "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_moe", "qwen3_next", "qwen3_vl",
    "qwen3_vl_moe", "qwen3_vl_moe_text", "qwen3_vl_text", "recurrent_gemma", "seed_oss",
    "smollm3", "stablelm", "starcoder2", "xverse", "zamba2",
))  # fmt: skip
KINDS = {
    "full_attention": "full",
    "attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "recurrent",
    "mamba": "recurrent",
    "mamba2": "recurrent",
    "recurrent": "recurrent",
    "conv": "recurrent",
    "hybrid": "recurrent",
    "mlp": "none",
    "moe": "none",
}
PATTERN = {"M": "recurrent", "*": "full", "-": "none", "E": "none"}
EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}  # each n-th layer is full
CHUNKED_OF_FOUR = ("llama4", "llama4_text")  # three of four layers look at one chunk
WINDOWED = ("mistral", "mixtral", "ministral", "phi3", "starcoder2", "phimoe")  # every layer


def known(config: Mapping[str, Any]) -> bool:
    """Say whether this kind of model is one whose layers are known here."""
    kind = str(config.get("model_type"))
    return kind in DECODERS or kind in ENCODERS


def kinds(config: Mapping[str, Any], number: int | None) -> tuple[str, ...]:
    """Return the kind of each layer in order; empty where they cannot be told."""
    if not number or number > MOST_LAYERS:
        return ()
    model = str(config.get("model_type"))
    if model in ENCODERS and config.get("is_decoder") is not True:
        return ("none",) * number
    if config.get("is_encoder_decoder") is True:
        return ()
    for listed in (_listed(config), _patterned(config, number), _windowed(config, model, number)):
        if listed:
            return _shared(config, listed)
    return ("latent" if config.get("kv_lora_rank") else "full",) * number


def _listed(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds where the file names each layer's own."""
    pattern = config.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        return tuple(PATTERN.get(letter, "full") for letter in pattern)
    named = config.get("layer_types") or config.get("layers_block_type")
    if isinstance(named, list) and named:
        full = "latent" if config.get("kv_lora_rank") else "full"
        found = tuple(KINDS.get(str(name), "") for name in named)
        return tuple(full if kind == "full" else kind for kind in found) if all(found) else ()
    return ()


def _patterned(config: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """Return the kinds where a period, a list of indices, or the model type itself fixes them."""
    if crossed := config.get("cross_attention_layers"):
        return tuple("cross" if at in crossed else "full" for at in range(number))
    if indices := config.get("attn_layer_indices"):
        return tuple("full" if at in indices else "recurrent" for at in range(number))
    if period := config.get("attn_layer_period"):
        offset = config.get("attn_layer_offset", 0)
        return tuple("full" if at % period == offset else "recurrent" for at in range(number))
    if every := config.get("full_attention_interval"):
        return _each(number, every, "recurrent")
    if str(config.get("model_type")) in ("mamba", "mamba2", "falcon_mamba"):
        return ("recurrent",) * number
    return ()


def _windowed(config: Mapping[str, Any], model: str, number: int) -> tuple[str, ...]:
    """Return the kinds of a model that slides or chunks by a rule of its type."""
    if model in CHUNKED_OF_FOUR and config.get("attention_chunk_size"):
        return _each(number, 4, "chunked")
    window = config.get("sliding_window")
    if not isinstance(window, int) or window <= 0 or config.get("use_sliding_window") is False:
        return ()
    if every := config.get("sliding_window_pattern") or EVERY.get(model):
        return _each(number, every, "sliding") if isinstance(every, int) else ()
    if model.startswith("qwen2") and config.get("use_sliding_window"):
        first = config.get("max_window_layers", 0)
        return tuple("sliding" if at >= first else "full" for at in range(number))
    return ("sliding",) * number if model in WINDOWED else ()


def _each(number: int, every: int, other: str) -> tuple[str, ...]:
    return tuple("full" if (at + 1) % every == 0 else other for at in range(number))


def _shared(config: Mapping[str, Any], found: tuple[str, ...]) -> tuple[str, ...]:
    """Mark the last layers as shared where they use the cache of an earlier one."""
    shared = config.get("num_kv_shared_layers") or 0
    return found if not shared else (*found[:-shared], *("shared",) * shared)


def layer_kinds(
    config: Mapping[str, Any], number: int | None, heads: int | None,
    kv_heads: int | None, head_dim: int | None,
) -> tuple[LayerKind, ...]:  # fmt: skip
    """Return the layers of a config.json, equal ones together; empty where a shape is missing."""
    blocks = config.get("block_configs")
    if isinstance(blocks, Sequence) and heads and head_dim:
        return _merged([_block(block, heads, head_dim) for block in blocks])
    found = []
    for kind, count in Counter(kinds(config, number)).items():
        shape = _shape(config, kind, heads, kv_heads, head_dim)
        if shape is None:
            return ()
        found.append(replace(shape, count=count))
    return tuple(found)


def _shape(
    config: Mapping[str, Any], kind: str, heads: int | None,
    kv_heads: int | None, head_dim: int | None,
) -> LayerKind | None:  # fmt: skip
    """Return what one layer of this kind keeps; None where the file does not say it."""
    if kind in ("none", "shared"):
        return LayerKind(kind, 1)
    if kind == "recurrent":
        conv, state, beside = recurrent(config)
        if conv is None or state is None:
            return None
        own = LayerKind(kind, 1, conv_numbers=conv, state_numbers=state)
        if beside and kv_heads and head_dim:  # attention and a state side by side in each layer
            return replace(own, kv_heads=kv_heads, key_dim=head_dim, value_dim=head_dim)
        return own
    if kind == "latent":
        return _latent(config, heads)
    heads_of_kind, width = kv_heads, head_dim
    if kind == "full" and config.get("global_head_dim"):
        width = config["global_head_dim"]
        heads_of_kind = config.get("num_global_key_value_heads") or kv_heads
    if not heads_of_kind or not width:
        return None
    window = {
        "sliding": config.get("sliding_window"),
        "chunked": config.get("attention_chunk_size"),
        "cross": config.get("cross_tokens"),
    }.get(kind)
    value = config.get("v_head_dim") or width
    return LayerKind(kind, 1, heads_of_kind, width, value, window)


def _latent(config: Mapping[str, Any], heads: int | None) -> LayerKind | None:
    names = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    rank, nope, rope, value = (config.get(name) for name in names)
    if not heads or not (isinstance(rank, int) and isinstance(nope, int)):
        return None
    if not (isinstance(rope, int) and isinstance(value, int)):
        return None
    index = config.get("index_head_dim") or 0
    return LayerKind(
        "latent",
        1,
        heads,
        nope + rope,
        value,
        latent_dim=rank + rope,
        latent_rank=rank,
        index_dim=index,
    )


def _block(block: Mapping[str, Any], heads: int, head_dim: int) -> LayerKind:
    """Return one layer of a model found by architecture search; some have no attention."""
    attention = block.get("attention") or {}
    group = attention.get("n_heads_in_group")
    if attention.get("no_op") or attention.get("replace_with_linear") or not group:
        return LayerKind("none", 1)
    return LayerKind("full", 1, max(heads // group, 1), head_dim, head_dim)


def _merged(layers: Sequence[LayerKind]) -> tuple[LayerKind, ...]:
    return tuple(replace(one, count=count) for one, count in Counter(layers).items())
