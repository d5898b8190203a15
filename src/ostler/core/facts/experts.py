"""The feed-forward halves of a config.json's layers: dense ones, and mixtures of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostler.nouns import Matrix

Sizes = Mapping[str, Any]
NO_GATE = ("nemotron_h", "nemotron", "starcoder2", "gpt2", "phi", "falcon", "bloom", "opt", "mpt")
FUSED = ("phi3", "glm4")  # llama.cpp keeps gate and up as one matrix
EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")


def number(config: Sizes) -> int | None:
    """Return how many experts a layer has; None for a dense model."""
    found = next((config[name] for name in EXPERTS if config.get(name)), None)
    return found if isinstance(found, int) and found > 1 else None


def routed(config: Sizes, layers: int) -> tuple[int, ...]:
    """Return the layers that send each token to some of their experts."""
    if number(config) is None:
        return ()
    first = config.get("first_k_dense_replace") or 0
    each = config.get("moe_layer_freq") or config.get("decoder_sparse_step") or 1
    each = each if isinstance(each, int) else 1
    if step := config.get("interleave_moe_layer_step"):
        return tuple(range(step - 1, layers, step))
    if period := config.get("expert_layer_period"):
        return tuple(range(config.get("expert_layer_offset", 0), layers, period))
    only = set(config.get("mlp_only_layers") or ())
    if "decoder_sparse_step" in config:
        return tuple(at for at in range(layers) if at not in only and (at + 1) % each == 0)
    return tuple(at for at in range(first, layers) if at not in only and at % each == 0)


def dense(config: Sizes, model: str, layers: tuple[int, ...]) -> list[Matrix]:
    """Return one feed-forward half for each of these layers."""
    hidden = config["hidden"]
    middle = config.get("intermediate_size_mlp") or config.get("intermediate_size")
    middle = middle or config.get("n_inner") or 4 * hidden
    return _half(hidden, middle, model, "", 1, layers)


def experts(config: Sizes, model: str, layers: tuple[int, ...]) -> list[Matrix]:
    """Return the router, the experts, and what every token passes beside them."""
    hidden, many = config["hidden"], number(config) or 1
    middle = config.get("moe_intermediate_size") or config.get("intermediate_size") or 4 * hidden
    found = [Matrix("ffn_gate_inp", hidden, many, 1, layers)]
    found += _half(hidden, middle, model, "_exps", many, layers)
    if beside := _beside(config, middle):
        found += _half(hidden, beside, model, "_shexp", 1, layers)
        if config.get("shared_expert_intermediate_size"):
            found.append(Matrix("norm", hidden, 1, 1, layers))  # the shared expert's gate
    if model == "gpt_oss":
        found.append(Matrix("norm", many * (2 * middle + hidden + 1), 1, 1, layers))
    elif config.get("n_routed_experts") and not model.startswith("deepseek_v2"):
        found.append(Matrix("norm", many, 1, 1, layers))  # a bias that balances the experts
    if model == "gemma4_text":
        found += dense(config, model, layers)
    return found


def _beside(config: Sizes, middle: int) -> int:
    """Return the width of the experts that every token passes."""
    for name in ("moe_shared_expert_intermediate_size", "shared_expert_intermediate_size",
                 "shared_intermediate_size"):  # fmt: skip
        if config.get(name):
            return int(config[name])
    if config.get("interleave_moe_layer_step"):
        return middle  # Llama 4
    return middle * int(config.get("n_shared_experts") or 0)


def _half(
    hidden: int, middle: int, model: str, mark: str, copies: int, layers: tuple[int, ...]
) -> list[Matrix]:
    down = Matrix(f"ffn_down{mark}", middle, hidden, copies, layers)
    if model in FUSED and not mark:
        return [Matrix("ffn_up", hidden, 2 * middle, copies, layers), down]
    up = Matrix(f"ffn_up{mark}", hidden, middle, copies, layers)
    if model in NO_GATE:
        return [up, down]
    return [Matrix(f"ffn_gate{mark}", hidden, middle, copies, layers), up, down]


def middles(block: Mapping[str, Any], hidden: int) -> int | None:
    """Return a searched block's feed-forward width; `ffn_mult` is of two thirds of 2 x hidden."""
    middle = block.get("ffn") or {}
    if middle.get("no_op"):
        return None
    if stated := middle.get("intermediate_size"):
        return int(stated)
    if times := middle.get("ffn_mult"):
        return -(-int(2 * times * hidden / 3) // 256) * 256
    return None
