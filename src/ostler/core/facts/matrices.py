"""The weight matrices that a config.json describes, in llama.cpp's names for them.

With them a model's weights are known before a header is read, and under any quantization. The
shapes follow transformers' modeling files; biases and norms count as vectors ("norm").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.facts.experts import dense, experts, middles, routed
from ostler.core.facts.layers import kinds
from ostler.core.facts.recurrent import inner
from ostler.core.facts.towers import towers
from ostler.nouns import Matrix

NORMS_OF_FOUR = ("gemma2", "gemma3", "gemma3_text", "gemma4_text", "glm4")  # around each half
ONE_NORM = ("cohere", "cohere2", "nemotron_h", "falcon", "phi")
HEAD_NORMS = ("qwen3", "gemma3", "gemma4", "hunyuan")  # a norm for the queries, one for the keys
QKV_BIAS = ("qwen2", "qwen2_moe", "qwen2_5_vl", "qwen2_vl", "glm4")
TIED = ("gemma", "cohere", "granitemoehybrid")  # families that tie where the file is silent
NEEDED = ("hidden", "intermediate_size", "head_dim")
Sizes = Mapping[str, Any]


def matrices(outer: Sizes, text: Sizes, sizes: Mapping[str, int | None]) -> tuple[Matrix, ...]:
    """Return every matrix of a decoder or an encoder; empty where a size is missing.

    `sizes` are the model's own `layers`, `hidden`, `heads`, `kv_heads`, `head_dim`, `vocabulary`.
    """
    wanted = ("layers", "hidden", "heads", "vocabulary")
    if any(sizes.get(name) is None for name in wanted) or text.get("is_encoder_decoder") is True:
        return ()
    config = dict(text) | {name: value for name, value in sizes.items() if value is not None}
    model = str(text.get("model_type"))
    order = kinds(text, sizes["layers"]) or ("full",) * int(config["layers"])
    if set(order) == {"none"}:
        return _encoder(outer, config)
    blocks = text.get("block_configs")
    found = [*_ends(outer, config, model)]
    if isinstance(blocks, Sequence):
        found += _searched(config, blocks)
    else:
        found += _mixers(config, model, order)
        found += _middles(config, model, order)
        found += _norms(config, model, order)
    found += _next(config, found)
    found += towers(outer, int(config["hidden"]))
    return tuple(found)


def _next(config: Sizes, found: Sequence[Matrix]) -> list[Matrix]:
    """Return DeepSeek's kind of draft layers: one more of the last layer, a joint and both ends.

    Its checkpoints hold the embedding and the output a second time with it.
    """
    drafts, hidden = config.get("num_nextn_predict_layers") or 0, config["hidden"]
    if not drafts:
        return []
    last = config["layers"] - 1
    layer = sum(one.columns * one.rows * one.copies for one in found if last in one.layers)
    both = 2 * hidden * config["vocabulary"]
    return [Matrix("draft", layer + 2 * hidden * hidden + 3 * hidden + both, drafts)]


def tied(outer: Sizes, text: Sizes) -> bool:
    """Say whether the output matrix is the embedding matrix."""
    stated = outer.get("tie_word_embeddings", text.get("tie_word_embeddings"))
    if isinstance(stated, bool):
        return stated
    return str(text.get("model_type")).startswith(TIED)


def _ends(outer: Sizes, config: Sizes, model: str) -> list[Matrix]:
    """Return what lies before the first layer and behind the last one."""
    hidden, words = config["hidden"], config["vocabulary"]
    found = [Matrix("token_embd", hidden, words), Matrix("norm", hidden, 1)]
    if not tied(outer, config):
        found.append(Matrix("output", hidden, words))
    if each := config.get("hidden_size_per_layer_input"):
        wide, layers = each * config["layers"], _all(config)
        found += [
            Matrix("per_layer_token_embd", wide, config.get("vocab_size_per_layer_input") or words),
            Matrix("per_layer_model_proj", hidden, wide),
            Matrix("inp_gate", hidden, each, 1, layers),
            Matrix("proj", each, hidden, 1, layers),
            Matrix("norm", hidden, 1, 1, layers),
        ]
    drafts = config.get("mtp_num_hidden_layers") or 0
    if drafts and model.startswith("qwen3_5"):
        found += _draft(config, drafts)
    return found


def _draft(config: Sizes, number: int) -> list[Matrix]:
    """Return the layers that guess the next tokens: engines leave them out unless asked."""
    hidden, middle, width = (config.get(name) or 0 for name in NEEDED)
    queries, keys = config["heads"] * width, (config.get("kv_heads") or 0) * width
    numbers = 2 * hidden * hidden + hidden * (2 * queries + 2 * keys) + queries * hidden
    return [Matrix("draft", numbers + 3 * hidden * middle + 5 * hidden + 2 * width, number)]


def _mixers(config: Sizes, model: str, order: Sequence[str]) -> list[Matrix]:
    """Return the matrices that let tokens look at each other, or carry a state."""
    found: list[Matrix] = []
    for kind in dict.fromkeys(order):
        layers = tuple(at for at, one in enumerate(order) if one == kind)
        if kind == "latent":
            found += _latent(config, layers)
        elif kind == "recurrent":
            found += _state(config, layers)
        elif kind != "none":
            found += _attention(config, model, kind, layers)
    return found


def _attention(config: Sizes, model: str, kind: str, layers: tuple[int, ...]) -> list[Matrix]:
    hidden, heads, kv_heads = config["hidden"], config["heads"], config.get("kv_heads")
    width = config.get("head_dim") or hidden // heads
    kv_heads = kv_heads or heads
    if kind == "full" and config.get("global_head_dim"):
        width = config["global_head_dim"]
        kv_heads = config.get("num_global_key_value_heads") or kv_heads
    queries, keys = heads * width, kv_heads * width
    gated = 2 if config.get("attn_output_gate") else 1
    if model == "phi3":
        found = [Matrix("attn_qkv", hidden, queries + 2 * keys, 1, layers)]
    else:
        found = [Matrix("attn_q", hidden, gated * queries, 1, layers)]
        if kind != "shared":
            found += [Matrix(f"attn_{one}", hidden, keys, 1, layers) for one in "kv"]
    found.append(Matrix("attn_output", queries, hidden, 1, layers))
    if config.get("attention_bias", model in QKV_BIAS):
        out = hidden + heads if model == "gpt_oss" else 0  # and a sink for each head
        found.append(Matrix("norm", queries + 2 * keys + out, 1, 1, layers))
    if model.startswith(HEAD_NORMS) or (model == "glm4_moe" and config.get("use_qk_norm")):
        found.append(Matrix("norm", 2 * width, 1, 1, layers))
    if kind == "cross":
        found.append(Matrix("norm", 2 * width + 2, 1, 1, layers))
    return found


def _latent(config: Sizes, layers: tuple[int, ...]) -> list[Matrix]:
    hidden, heads, rank = config["hidden"], config["heads"], config["kv_lora_rank"]
    nope, rope = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
    value, small = config["v_head_dim"], config.get("q_lora_rank")
    queries = heads * (nope + rope)
    found = [
        Matrix("attn_kv_a_mqa", hidden, rank + rope, 1, layers),
        Matrix("attn_kv_b", rank, heads * (nope + value), 1, layers),
        Matrix("attn_output", heads * value, hidden, 1, layers),
        Matrix("norm", rank + (small or 0), 1, 1, layers),
    ]
    if small:
        found += [
            Matrix("attn_q_a", hidden, small, 1, layers),
            Matrix("attn_q_b", small, queries, 1, layers),
        ]
    else:
        found.append(Matrix("attn_q", hidden, queries, 1, layers))
    return found


def _state(config: Sizes, layers: tuple[int, ...]) -> list[Matrix]:
    hidden = config["hidden"]
    if config.get("linear_num_value_heads"):
        heads, width = config["linear_num_value_heads"], config["linear_value_head_dim"]
        keys, values = config["linear_num_key_heads"] * config["linear_key_head_dim"], heads * width
        kernel = config.get("linear_conv_kernel_dim") or 4
        return [
            Matrix("attn_qkv", hidden, 2 * keys + values, 1, layers),
            Matrix("attn_gate", hidden, values, 1, layers),
            Matrix("ssm_ba", hidden, 2 * heads, 1, layers),
            Matrix("ssm_out", values, hidden, 1, layers),
            Matrix("norm", kernel * (2 * keys + values) + 2 * heads + width, 1, 1, layers),
        ]
    if (found := inner(config)) is not None:
        middle, heads, groups, state, kernel = found
        mixed = middle + 2 * groups * state
        return [
            Matrix("ssm_in", hidden, middle + mixed + heads, 1, layers),
            Matrix("ssm_out", middle, hidden, 1, layers),
            Matrix("norm", mixed * (kernel + 1) + 3 * heads + middle, 1, 1, layers),
        ]
    middle = hidden * (config.get("mamba_expand") or config.get("expand") or 2)
    return [Matrix("ssm_in", hidden, 2 * middle, 1, layers),
            Matrix("ssm_out", middle, hidden, 1, layers)]  # fmt: skip


def _middles(config: Sizes, model: str, order: Sequence[str]) -> list[Matrix]:
    """Return the feed-forward halves: dense in some layers, routed to experts in others."""
    pattern = config.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        plain = tuple(at for at, one in enumerate(pattern) if one == "-")
        mixed = tuple(at for at, one in enumerate(pattern) if one == "E")
    else:
        mixed = routed(config, len(order))
        plain = tuple(at for at in range(len(order)) if at not in set(mixed))
    found = dense(config, model, plain) if plain else []
    return found + (experts(config, model, mixed) if mixed else [])


def _norms(config: Sizes, model: str, order: Sequence[str]) -> list[Matrix]:
    each = 4 if model in NORMS_OF_FOUR else 1 if model in ONE_NORM else 2
    beside = config["hidden"] + config.get("intermediate_size", 0) if model == "bitnet" else 0
    return [Matrix("norm", each * config["hidden"] + beside, 1, 1, tuple(range(len(order))))]


def _searched(config: Sizes, blocks: Sequence[Mapping[str, Any]]) -> list[Matrix]:
    """Return the layers of a model found by architecture search: each has its own shape."""
    found: list[Matrix] = []
    hidden, heads = config["hidden"], config["heads"]
    width = config.get("head_dim") or hidden // heads
    for at, block in enumerate(blocks):
        attention, middle = block.get("attention") or {}, middles(block, hidden)
        if group := attention.get("n_heads_in_group"):
            own = dict(config) | {"kv_heads": heads // group, "head_dim": width}
            found += [*_attention(own, "llama", "full", (at,)), Matrix("norm", hidden, 1, 1, (at,))]
        elif attention.get("replace_with_linear"):
            found.append(Matrix("attn_output", hidden, hidden, 1, (at,)))
        if middle:
            found += dense({**config, "intermediate_size": middle}, "llama", (at,))
            found.append(Matrix("norm", hidden, 1, 1, (at,)))
    return found


def _encoder(outer: Sizes, config: Sizes) -> tuple[Matrix, ...]:
    """Return the matrices of the BERT family, with its pooler or its classification head."""
    hidden, layers = config["hidden"], _all(config)
    middle = config.get("intermediate_size")
    if middle is None or config.get("model_type") not in ("bert", "roberta", "xlm-roberta"):
        return ()
    positions, types = config.get("max_position_embeddings", 512), config.get("type_vocab_size", 2)
    named = (outer.get("architectures") or [""])[0]
    ranks = "SequenceClassification" in named
    return (
        Matrix("token_embd", hidden, config["vocabulary"]),
        Matrix("position_embd", hidden, positions + types + 2),
        *(Matrix(f"attn_{one}", hidden, hidden, 1, layers) for one in ("q", "k", "v", "output")),
        Matrix("ffn_up", hidden, middle, 1, layers),
        Matrix("ffn_down", middle, hidden, 1, layers),
        Matrix("norm", 9 * hidden + middle, 1, 1, layers),
        Matrix("cls", hidden, hidden + 1),
        *((Matrix("cls", hidden + 1, 1),) if ranks else ()),
    )


def _all(config: Sizes) -> tuple[int, ...]:
    return tuple(range(config["layers"]))
