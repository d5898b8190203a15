"""Settings of a config.json that can be counted with: what is not of the right kind is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 2**31  # no size of a model is larger
MOST_LAYERS = 1024
WORDS = frozenset({"model_type", "hybrid_override_pattern"})
SWITCHES = frozenset(
    {"is_decoder", "is_encoder_decoder", "use_sliding_window", "attention_bias",
     "attn_output_gate", "use_qk_norm", "tie_word_embeddings"}
)  # fmt: skip
LISTS_OF_LAYERS = frozenset({"cross_attention_layers", "attn_layer_indices", "mlp_only_layers"})
LISTS_OF_KINDS = frozenset({"layer_types", "layers_block_type"})
PARTS = frozenset({"vision_config", "attention", "ffn"})


def sane(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings whose value is of the kind their name promises, numbers from 0 up."""
    return (
        {name: value for name, value in config.items() if _promised(name, value)}
        | {
            name: sane(value)
            for name, value in config.items()
            if name in PARTS and isinstance(value, Mapping)
        }
        | _blocks(config)
    )


def _promised(name: str, value: object) -> bool:
    if name in WORDS:
        return isinstance(value, str) and len(value) <= MOST_LAYERS
    if name in SWITCHES or name in ("no_op", "replace_with_linear"):
        return isinstance(value, bool)
    if name == "architectures":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in LISTS_OF_LAYERS:
        return _listed(value, int)
    if name in LISTS_OF_KINDS:
        return _listed(value, str)
    if name == "ffn_mult":
        return isinstance(value, int | float) and 0 < value < MOST
    return type(value) is int and 0 <= value < MOST


def _listed(value: object, kind: type) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_LAYERS
        and all(type(one) is kind for one in value)
    )


def _blocks(config: Mapping[str, Any]) -> dict[str, Any]:
    blocks = config.get("block_configs")
    if not isinstance(blocks, list) or not 0 < len(blocks) <= MOST_LAYERS:
        return {}
    if not all(isinstance(block, Mapping) for block in blocks):
        return {}
    return {"block_configs": [sane(block) for block in blocks]}
