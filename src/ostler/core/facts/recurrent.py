"""What layers with a state keep for each sequence, however long it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def recurrent(config: Mapping[str, Any]) -> tuple[int | None, int | None, bool]:
    """Return the numbers of a convolution's tail and of the state, and whether attention is beside.

    Gated delta rule (Qwen3-Next, Qwen3.5), Mamba 2, Mamba 1, and LFM2's short convolution; None
    where the settings of none of them are there.
    """
    for read in (_delta, _mamba2, _mamba1, _short):
        if (found := read(config)) is not None:
            return *found, config.get("model_type") == "falcon_h1"
    return None, None, False


def _delta(config: Mapping[str, Any]) -> tuple[int, int] | None:
    names = ("linear_num_key_heads", "linear_key_head_dim", "linear_num_value_heads",
             "linear_value_head_dim")  # fmt: skip
    parts = [config.get(name) for name in names]
    if not all(type(part) is int and part > 0 for part in parts):
        return None
    key_heads, key, value_heads, value = (int(part or 0) for part in parts)
    tail = (config.get("linear_conv_kernel_dim") or 4) - 1
    return (2 * key_heads * key + value_heads * value) * tail, value_heads * key * value


def inner(config: Mapping[str, Any]) -> tuple[int, int, int, int, int] | None:
    """Return Mamba 2's inner width, its heads, groups, state and kernel; None for others."""
    state = config.get("mamba_d_state") or config.get("ssm_state_size") or config.get("state_size")
    heads = config.get("mamba_n_heads") or config.get("mamba_num_heads") or config.get("num_heads")
    width = config.get("mamba_d_head") or config.get("mamba_head_dim") or config.get("head_dim")
    if config.get("model_type") in ("mamba", "falcon_mamba", "jamba") or not state:
        return None
    hidden = config.get("hidden_size") or 0
    middle = config.get("mamba_d_ssm") or hidden * (config.get("mamba_expand") or 2)
    if isinstance(heads, int) and isinstance(width, int):
        middle = heads * width
    groups = config.get("mamba_n_groups") or config.get("n_groups") or 1
    kernel = config.get("mamba_d_conv") or config.get("conv_kernel") or 4
    return middle, heads if isinstance(heads, int) else middle // 64, groups, state, kernel


def _mamba2(config: Mapping[str, Any]) -> tuple[int, int] | None:
    found = inner(config)
    if found is None or not found[0]:
        return None
    middle, _, groups, state, kernel = found
    return (middle + 2 * groups * state) * (kernel - 1), middle * state


def _mamba1(config: Mapping[str, Any]) -> tuple[int, int] | None:
    state = config.get("mamba_d_state") or config.get("state_size")
    hidden = config.get("hidden_size")
    if not isinstance(state, int) or not isinstance(hidden, int):
        return None
    middle = hidden * (config.get("mamba_expand") or config.get("expand") or 2)
    kernel = config.get("mamba_d_conv") or config.get("conv_kernel") or 4
    return middle * (kernel - 1), middle * state


def _short(config: Mapping[str, Any]) -> tuple[int, int] | None:
    cache, hidden = config.get("conv_L_cache"), config.get("hidden_size")
    if not isinstance(cache, int) or not isinstance(hidden, int):
        return None
    return hidden * (cache - 1), 0
