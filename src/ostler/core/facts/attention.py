"""Which kind of attention a config.json describes: it decides what the KV cache holds.

"full" means that every layer keeps keys and values of one shape for every token, the one case
where 2 x layers x KV heads x head size is exact. All others are told apart by the settings that
their architectures carry, so a setting nobody has seen yet is the risk that remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# model_type of models that read a whole text at once and keep no cache.
ENCODERS = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "eurobert",
        "modernbert",
        "mpnet",
        "new",
        "nomic_bert",
        "roberta",
        "xlm-roberta",
    }
)

# Settings of models whose layers differ, share their cache or keep a state instead of one.
VARIED = (
    "attn_layer_period",
    "block_configs",
    "conv_L_cache",
    "cross_attention_layers",
    "full_attention_interval",
    "global_head_dim",
    "hybrid_override_pattern",
    "layers_block_type",
    "linear_num_value_heads",
    "mamba_d_state",
    "mamba_num_heads",
    "num_global_key_value_heads",
    "num_kv_shared_layers",
    "ssm_state_size",
    "state_size",
)


def attention(config: Mapping[str, Any]) -> str | None:
    """Return "full", "sliding", "latent", "varied" or "none"; None for an empty config."""
    if not config:
        return None
    if str(config.get("model_type")) in ENCODERS and config.get("is_decoder") is not True:
        return "none"
    if config.get("kv_lora_rank"):
        return "latent"
    if any(config.get(name) for name in VARIED) or config.get("is_encoder_decoder") is True:
        return "varied"
    if config.get("v_head_dim", config.get("head_dim")) != config.get("head_dim"):
        return "varied"
    return _by_layers(config) or ("sliding" if _windowed(config) else "full")


def _by_layers(config: Mapping[str, Any]) -> str | None:
    kinds = config.get("layer_types")
    if not isinstance(kinds, list) or not kinds:
        return None
    if all(kind == "full_attention" for kind in kinds):
        return "full"
    windows = {"full_attention", "sliding_attention", "chunked_attention"}
    return "sliding" if windows.issuperset(map(str, kinds)) else "varied"


def _windowed(config: Mapping[str, Any]) -> bool:
    if config.get("attention_chunk_size"):
        return True
    window, context = config.get("sliding_window"), config.get("max_position_embeddings")
    if type(window) is not int or config.get("use_sliding_window") is False:
        return False
    return type(context) is not int or window < context
