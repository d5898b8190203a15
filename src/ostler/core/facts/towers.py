"""The parts that see: the matrices of vision towers and what joins them to the language model.

A tower is not split by the rules of the language model and is never quantized by GGUF files of
the language part, so it is a role of its own: "vision".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostler.nouns import Matrix

GATED = ("pixtral", "qwen2_5_vl")  # towers whose feed-forward has a gate
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5")
DEFAULTS = {  # of transformers' configuration files, for settings that a config.json leaves out
    "qwen2_5_vl": {"hidden_size": 1280, "depth": 32, "in_channels": 3},
    "mllama": {"num_global_layers": 8, "vision_output_dim": 7680},
}


def towers(outer: Mapping[str, Any], hidden: int) -> list[Matrix]:
    """Return the vision tower of a model and its projector into `hidden`; none without one.

    Where a setting is missing, the default of the model's configuration class stands in.
    """
    own = outer.get("vision_config")
    if not isinstance(own, Mapping):
        return []
    model = str(outer.get("model_type"))
    config = DEFAULTS.get(model, {}) | dict(own)
    width = config.get("hidden_size") or config.get("embed_dim")
    depth = config.get("num_hidden_layers") or config.get("depth")
    middle = config.get("intermediate_size") or (4 * width if width else None)
    if not (isinstance(width, int) and isinstance(depth, int) and isinstance(middle, int)):
        return []
    kind = model if model.startswith(QWEN) else str(config.get("model_type"))
    layers = tuple(range(depth + int(config.get("num_global_layers") or 0)))
    halves = 3 if kind.startswith(GATED) else 2
    bias = 0 if kind == "pixtral" else 5 * width + middle
    norms = 2 * width * (1 if kind.startswith(GATED) else 2)
    return [
        Matrix("vision", width, 4 * width, 1, layers),
        Matrix("vision", width, halves * middle, 1, layers),
        Matrix("vision", norms + bias, 1, 1, layers),
        Matrix("vision", _patches(config, width, kind), 1),
        Matrix("vision", _joint(config, width, hidden, kind, model), 1),
    ]


def _patches(config: Mapping[str, Any], width: int, kind: str) -> int:
    """Return the numbers of the patch and position embeddings and the norm around them."""
    size = int(config.get("patch_size") or 14)
    frames = int(config.get("temporal_patch_size") or 1)
    embedding = 3 * frames * size * size * width
    if kind == "pixtral":
        return embedding + width
    if kind.startswith("qwen2"):
        return embedding
    if positions := config.get("num_position_embeddings"):
        return embedding + width + int(positions) * width
    cells = (int(config.get("image_size") or 224) // size) ** 2
    tiled = 9 * 4 * (cells + 3) * width if config.get("num_global_layers") else 0  # Llama 3.2
    return embedding + width + cells * width + 2 * width + tiled


def _joint(config: Mapping[str, Any], width: int, hidden: int, kind: str, model: str) -> int:
    """Return the numbers of what turns the tower's output into tokens."""
    if kind.startswith(QWEN):
        wide = width * int(config.get("spatial_merge_size") or 2) ** 2
        one = wide * wide + wide + wide * hidden + hidden + 2 * width
        deep = 3 * (one + 2 * (wide - width)) if kind.startswith("qwen3_vl") else 0
        return one + deep
    if kind == "pixtral":
        return width + 4 * width * width + width * hidden + hidden * hidden
    if outside := config.get("vision_output_dim"):
        return int(outside) * hidden + hidden
    return width * hidden + width + (hidden * hidden if model.startswith("llava") else 0)
