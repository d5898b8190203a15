"""What a repository's config.json says of its model, in the names transformers gives things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.facts import layers as layers_of
from ostler.core.facts.attention import ENCODERS, attention
from ostler.core.facts.experts import number as number_of_experts
from ostler.core.facts.matrices import matrices, tied
from ostler.core.facts.sane import sane
from ostler.core.scores import named
from ostler.nouns import Format, ModelFacts, Task

# A model that also sees or hears keeps its language model's settings in one of these.
NESTED = ("text_config", "llm_config", "language_config", "thinker_config")

# The same setting under the names that different architectures use, the commonest first.
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
FEED_FORWARD = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff")
EXPERTS = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts")
EVEN = ("full", "sliding", "none")  # attention whose layers are all of one shape
OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert"})


def facts(
    format: Format,
    config: Mapping[str, Any] | None,
    tokenizer_config: Mapping[str, Any] | None,
    modules: Sequence[Mapping[str, Any]] | None,
    labels: int | None,
) -> ModelFacts:
    """Return what the JSON files of a repository say; its tensors are counted elsewhere.

    `labels` is the number of classes that the tensors of a classifier show.
    """
    outer = config or {}
    text = language_part(outer)
    tokenizer = tokenizer_config or {}
    sizes, counted = _sizes(text), sane(text)
    task, unknown = _task(outer, modules, labels)
    kind = attention(text)
    layers = layers_of.layer_kinds(
        counted, sizes["layers"], sizes["heads"], sizes["kv_heads"], sizes["head_dim"]
    )
    return ModelFacts(
        format=format,
        architecture=_architecture(outer),
        task=task,
        parameters=None,
        weight_bytes=0,
        dtype=None,
        quantization=_quantization(outer),
        context_length=_context(text),
        layers=sizes["layers"],
        hidden=sizes["hidden"],
        heads=sizes["heads"],
        kv_heads=sizes["kv_heads"],
        head_dim=_head_dim(text, sizes["hidden"], sizes["heads"], kind),
        vocabulary=sizes["vocabulary"],
        feed_forward=_feed_forward(text),
        attention=kind,
        chat_template=bool(tokenizer.get("chat_template")),
        remote_code=bool(outer.get("auto_map") or tokenizer.get("auto_map")),
        unknown=(() if config else ("There is no config.json.",)) + unknown + _unfamiliar(text),
        family=str(text["model_type"]) if text.get("model_type") else None,
        layer_kinds=layers,
        matrices=matrices(sane(outer), counted, sizes) if layers else (),
        tied=tied(sane(outer), counted),
        experts=number_of_experts(counted),
        experts_per_token=_number(text, EXPERTS),
        score_functions=named(outer) if task is Task.RERANK else (),
    )


def _sizes(text: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the sizes that every decoder has, whatever its attention is."""
    heads, hidden, kind = _number(text, HEADS), _number(text, HIDDEN), attention(text)
    width = _number(text, ("head_dim", "attention_head_dim", "kv_channels"))
    if width is None and kind != "latent" and heads and hidden and hidden % heads == 0:
        width = hidden // heads
    return {
        "layers": _number(text, LAYERS),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": _kv_heads(text, heads, kind),
        "head_dim": width,
        "vocabulary": _number(text, ("vocab_size", "padded_vocab_size")),
    }


def _unfamiliar(text: Mapping[str, Any]) -> tuple[str, ...]:
    """Say that a model is of no kind whose layers are known here."""
    if not text or not text.get("model_type") or layers_of.known(text):
        return ()
    return (
        f"architecture_unknown: {text['model_type']!r} is not known here; its layers are read like"
        " Llama's, so its KV cache is an upper bound.",
    )


def language_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the language model, wherever the file nests them."""
    text = dict(config)
    while inner := next((key for key in NESTED if isinstance(text.get(key), Mapping)), None):
        text |= text.pop(inner)
    return text


def _number(config: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """Return the first of these settings that is a positive whole number."""
    values = (config.get(name) for name in names)
    return next((value for value in values if type(value) is int and value > 0), None)


def _architecture(config: Mapping[str, Any]) -> str | None:
    named = config.get("architectures")
    if isinstance(named, list) and named and isinstance(named[0], str):
        return named[0]
    kind = config.get("model_type")
    return kind if isinstance(kind, str) else None


def _context(config: Mapping[str, Any]) -> int | None:
    """Return the longest context; the RoBERTa family numbers positions from padding + 1."""
    stated = _number(config, CONTEXT)
    if stated and str(config.get("model_type")) in OFFSET_POSITIONS:
        padding = config.get("pad_token_id", 1)
        return stated - (padding if type(padding) is int else 1) - 1
    return stated


def _kv_heads(config: Mapping[str, Any], heads: int | None, kind: str | None) -> int | None:
    """Return the key and value heads: as many as heads where an even model says nothing else."""
    if (stated := _number(config, KV_HEADS)) is not None:
        return stated
    if kind not in EVEN:
        return None
    return 1 if config.get("multi_query") is True else heads


def _head_dim(
    config: Mapping[str, Any], hidden: int | None, heads: int | None, kind: str | None
) -> int | None:
    """Return the size of one key; of latent attention, both of its parts together."""
    if kind == "latent":
        parts = [_number(config, (name,)) for name in ("qk_nope_head_dim", "qk_rope_head_dim")]
        return sum(part for part in parts if part) if all(parts) else None
    if (stated := _number(config, ("head_dim", "attention_head_dim", "kv_channels"))) is not None:
        return stated
    if kind not in EVEN or not hidden or not heads or hidden % heads:
        return None
    return hidden // heads


def _feed_forward(config: Mapping[str, Any]) -> int | None:
    """Return the width of a layer's middle: of a mixture, that of the experts a token passes."""
    dense, experts = _number(config, FEED_FORWARD), _number(config, EXPERTS)
    one = _number(config, ("moe_intermediate_size",)) or dense
    return max(dense or 0, one * experts) if one and experts else dense


def _task(
    config: Mapping[str, Any], modules: Sequence[Mapping[str, Any]] | None, seen: int | None
) -> tuple[Task | None, tuple[str, ...]]:
    """Return the task that the model's head and its pooling show, or why neither does."""
    name = _architecture(config) or ""
    if any("Pooling" in str(module.get("type")) for module in modules or ()):
        return Task.EMBED, ()
    if name.endswith("ForSequenceClassification"):
        labels = seen or _labels(config)
        if labels == 1:
            return Task.RERANK, ()
        return None, (f"It sorts texts into {labels} classes, which no endpoint here serves.",)
    if config.get("is_encoder_decoder") is True:
        return None, ("It is an encoder with a decoder, which no engine here serves.",)
    if name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")):
        return Task.CHAT, ()
    if name.endswith("Model") or str(config.get("model_type")) in ENCODERS:
        return Task.EMBED, ()
    return None, ("Neither its head nor a pooling rule shows what it is for.",)


def _labels(config: Mapping[str, Any]) -> int:
    """Return the number of classes; transformers takes two where the file says nothing."""
    labels = config.get("id2label")
    if isinstance(labels, Mapping):
        return len(labels)
    return _number(config, ("num_labels",)) or 2


def _quantization(config: Mapping[str, Any]) -> str | None:
    """Return the quantization as "method N-bit", or the method where the bits are not said."""
    packing = config.get("quantization_config")
    if not isinstance(packing, Mapping):
        return None
    method = str(packing.get("quant_method") or packing.get("quant_type") or "unnamed")
    bits = _number(packing, ("bits", "w_bit", "num_bits")) or _group_bits(packing)
    if packing.get("load_in_4bit") is True:
        bits = 4
    elif packing.get("load_in_8bit") is True:
        bits = 8
    return f"{method} {bits}-bit" if bits else method


def _group_bits(packing: Mapping[str, Any]) -> int | None:
    """Return the bits of a compressed-tensors file, where all of its groups agree."""
    groups = packing.get("config_groups")
    if not isinstance(groups, Mapping):
        return None
    weights = [group.get("weights") for group in groups.values() if isinstance(group, Mapping)]
    found = {_number(part, ("num_bits",)) for part in weights if isinstance(part, Mapping)}
    return found.pop() if len(found) == 1 else None
