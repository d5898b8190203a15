"""Facts: what headers and config.json say, and what they leave open."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.facts import facts
from ostler.core.headers import read
from ostler.nouns import Format, ModelFacts, Task, TensorTable
from ostler.testing import weightfiles

# The fields of meta-llama/Llama-3.1-8B-Instruct's config.json that count here.
LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}


def table(format: Format, raw: bytes) -> TensorTable:
    answer = read(format, raw, len(raw))
    assert isinstance(answer, TensorTable)
    return answer


def of_safetensors(tensors, config=None, **extras) -> ModelFacts:
    tables = [table(Format.SAFETENSORS, weightfiles.safetensors(tensors))]
    return facts(Format.SAFETENSORS, tables, config, **extras)


def of_gguf(metadata, tensors=(("token_embd.weight", "F32", (32, 4)),)) -> ModelFacts:
    return facts(Format.GGUF, [table(Format.GGUF, weightfiles.gguf(tensors, metadata))])


def llama_gguf(**own: object) -> dict[str, tuple[int, object]]:
    """A llama header; keyword arguments replace or add keys (`__` stands for a point)."""
    numbers = {
        "context_length": 2048,
        "block_count": 2,
        "embedding_length": 128,
        "feed_forward_length": 256,
        "attention__head_count": 4,
        "attention__head_count_kv": 2,
    } | own
    typed = {
        name: value if isinstance(value, tuple) else (4, value) for name, value in numbers.items()
    }
    return {"general.architecture": (8, "llama")} | {
        f"llama.{name.replace('__', '.')}": value for name, value in typed.items()
    }


def plainly(found: ModelFacts) -> ModelFacts:
    """The facts without what tells layers and weights apart: tests/core/test_layers.py has that."""
    bare = ModelFacts(Format.GGUF, None, None, None, 0, None)
    names = ("family", "layer_kinds", "matrices", "parts", "tied", "experts", "experts_per_token")
    return replace(found, **{name: getattr(bare, name) for name in names})


def test_a_gguf_header_says_what_its_model_is():
    metadata = llama_gguf() | {
        "tokenizer.ggml.tokens": (9, (8, ["t"] * 4)),
        "tokenizer.chat_template": (8, "{{ messages }}"),
        "general.file_type": (4, 7),
    }
    tensors = [("token_embd.weight", "Q8_0", (128, 4)), ("output_norm.weight", "F32", (128,))]
    assert plainly(of_gguf(metadata, tensors)) == ModelFacts(
        format=Format.GGUF,
        architecture="llama",
        task=Task.CHAT,
        parameters=128 * 4 + 128,
        weight_bytes=128 * 4 // 32 * 34 + 128 * 4,
        dtype="Q8_0",
        quantization="q8_0",
        context_length=2048,
        layers=2,
        hidden=128,
        heads=4,
        kv_heads=2,
        head_dim=32,
        vocabulary=4,
        feed_forward=256,
        attention="full",
        chat_template=True,
    )


@pytest.mark.parametrize(
    ("file_type", "dtype", "quantization"),
    [
        (15, "Q4_K", "q4_k_m"),
        (0, "F32", None),
        (15, "F32", None),
        (1, "Q4_K", "q4_k"),
        (99, "Q8_0", "q8_0"),
    ],
)
def test_the_tensors_decide_whether_a_gguf_is_quantized(file_type, dtype, quantization):
    tensors = [("token_embd.weight", dtype, (256, 4))]
    found = of_gguf(llama_gguf() | {"general.file_type": (4, file_type)}, tensors)
    assert (found.dtype, found.quantization) == (dtype, quantization)


@pytest.mark.parametrize(
    ("own", "attention", "task"),
    [
        ({}, "full", Task.CHAT),
        ({"attention__sliding_window": 512}, "sliding", Task.CHAT),
        ({"attention__kv_lora_rank": 512}, "latent", Task.CHAT),
        ({"ssm__state_size": 16}, "varied", Task.CHAT),
        ({"attention__head_count_kv": (9, (5, [2, 0]))}, "varied", Task.CHAT),
        ({"attention__key_length": 64, "attention__value_length": 32}, "varied", Task.CHAT),
        ({"attention__key_length": 64, "attention__value_length": 64}, "full", Task.CHAT),
        ({"attention__causal": (7, False)}, "none", Task.EMBED),
        ({"pooling_type": 3}, "full", Task.EMBED),
        ({"pooling_type": 4}, "full", Task.RERANK),
    ],
)
def test_a_gguf_header_shows_attention_and_task(own, attention, task):
    found = of_gguf(llama_gguf(**own))
    assert (found.attention, found.task) == (attention, task)


def test_a_ranking_head_reranks():
    tensors = [("token_embd.weight", "F32", (32, 4)), ("cls.output.weight", "F32", (32, 1))]
    assert of_gguf(llama_gguf(), tensors).task is Task.RERANK


def test_layers_that_agree_are_one_number_and_others_are_unknown():
    even = of_gguf(llama_gguf(attention__head_count_kv=(9, (5, [2, 2]))))
    assert (even.kv_heads, even.attention) == (2, "full")
    uneven = of_gguf(llama_gguf(attention__head_count_kv=(9, (5, [2, 1]))))
    assert uneven.kv_heads is None
    assert any("key and value heads" in sentence for sentence in uneven.unknown)


def test_draft_layers_are_not_counted_as_layers():
    assert of_gguf(llama_gguf(block_count=47, nextn_predict_layers=1)).layers == 46


def test_a_projector_has_no_task_and_says_what_it_is():
    found = of_gguf({"general.architecture": (8, "clip"), "general.type": (8, "mmproj")})
    assert found.task is None
    assert "This file is no model by itself but of the kind 'mmproj'." in found.unknown


def test_a_part_of_a_split_file_says_so():
    found = of_gguf(llama_gguf() | {"split.count": (2, 3)})
    assert "1 of 3 parts were read." in found.unknown


def test_a_config_says_what_its_model_is():
    tensors = [("model.embed_tokens.weight", "BF16", (8, 4)), ("model.norm.weight", "F32", (4,))]
    found = of_safetensors(tensors, LLAMA_8B, tokenizer_config={"chat_template": "x"})
    assert plainly(found) == ModelFacts(
        format=Format.SAFETENSORS,
        architecture="LlamaForCausalLM",
        task=Task.CHAT,
        parameters=36,
        weight_bytes=80,
        dtype="BF16",
        context_length=131072,
        layers=32,
        hidden=4096,
        heads=32,
        kv_heads=8,
        head_dim=128,
        vocabulary=128256,
        feed_forward=14336,
        attention="full",
        chat_template=True,
    )


@pytest.mark.parametrize(
    ("change", "attention"),
    [
        ({"sliding_window": 4096}, "sliding"),
        ({"sliding_window": 4096, "use_sliding_window": False}, "full"),
        ({"sliding_window": 131072}, "full"),
        ({"layer_types": ["full_attention"] * 32, "sliding_window": 4096}, "full"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "sliding"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "varied"),
        ({"attention_chunk_size": 8192}, "sliding"),
        ({"kv_lora_rank": 512}, "latent"),
        ({"hybrid_override_pattern": "M-M*"}, "varied"),
        ({"head_dim": 128, "v_head_dim": 64}, "varied"),
        ({"model_type": "bert"}, "none"),
    ],
)
def test_a_config_shows_its_attention(change, attention):
    assert of_safetensors([], LLAMA_8B | change).attention == attention


@pytest.mark.parametrize(
    ("config", "modules", "task"),
    [
        ({"architectures": ["Qwen3ForCausalLM"]}, None, Task.CHAT),
        ({"architectures": ["Qwen3ForCausalLM"]}, [{"type": "x.models.Pooling"}], Task.EMBED),
        ({"architectures": ["XLMRobertaModel"]}, None, Task.EMBED),
        ({"architectures": ["XForSequenceClassification"], "num_labels": 1}, None, Task.RERANK),
        (
            {"architectures": ["XForSequenceClassification"], "id2label": {"0": "a"}},
            None,
            Task.RERANK,
        ),
        ({"architectures": ["XForSequenceClassification"]}, None, None),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, None, None),
        ({"architectures": ["XForTokenClassification"]}, None, None),
    ],
)
def test_the_head_and_the_pooling_show_the_task(config, modules, task):
    found = of_safetensors([], config, modules=modules)
    assert found.task is task
    assert any("class" in u or "engine" in u or "head" in u for u in found.unknown) or task


def test_a_classifier_with_one_row_is_a_reranker_whatever_the_config_leaves_out():
    config = {"architectures": ["XLMRobertaForSequenceClassification"]}
    one = of_safetensors([("classifier.out_proj.weight", "F32", (1, 8))], config)
    three = of_safetensors([("classifier.out_proj.weight", "F32", (3, 8))], config)
    assert (one.task, three.task) == (Task.RERANK, None)
    assert any("3 classes" in sentence for sentence in three.unknown)


def test_the_language_model_is_found_inside_one_that_also_sees():
    nested = {
        "architectures": ["LlavaForConditionalGeneration"],
        "vision_config": {"hidden_size": 1},
        "thinker_config": {"text_config": LLAMA_8B},
    }
    found = of_safetensors([], nested)
    assert (found.architecture, found.hidden) == ("LlavaForConditionalGeneration", 4096)


def test_roberta_positions_start_behind_the_padding():
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 8194, "pad_token_id": 1}
    assert of_safetensors([], config).context_length == 8192


def test_what_differs_by_layer_is_not_filled_in():
    found = of_safetensors([], LLAMA_8B | {"num_key_value_heads": None, "block_configs": [{}]})
    assert (found.kv_heads, found.head_dim) == (None, None)


def test_latent_attention_gives_the_size_of_both_parts_of_a_key():
    config = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
    assert of_safetensors([], LLAMA_8B | config).head_dim == 192


@pytest.mark.parametrize("where", ["config", "tokenizer"])
def test_code_from_the_repository_is_seen(where):
    code = {"auto_map": {"AutoModel": "modeling.X"}}
    config, tokenizer = (LLAMA_8B | code, {}) if where == "config" else (LLAMA_8B, code)
    assert of_safetensors([], config, tokenizer_config=tokenizer).remote_code
    assert not of_safetensors([], LLAMA_8B).remote_code


@pytest.mark.parametrize(
    ("packing", "named"),
    [
        ({"quant_method": "awq", "bits": 4}, "awq 4-bit"),
        ({"quant_method": "gptq", "bits": 8}, "gptq 8-bit"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes 4-bit"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 8}}},
            },
            "compressed-tensors 8-bit",
        ),
    ],
)
def test_the_quantization_is_named_with_its_bits(packing, named):
    found = of_safetensors([], LLAMA_8B | {"quantization_config": packing})
    assert found.quantization == named


def test_packed_weights_count_as_what_they_unpack_to():
    packed = [
        ("q.qweight", "I32", (64, 8)),
        ("q.qzeros", "I32", (1, 8)),
        ("q.scales", "F16", (1, 64)),
        ("norm.weight", "F16", (64,)),
    ]
    awq = LLAMA_8B | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    assert of_safetensors(packed, awq).parameters == 64 * 64 + 64
    fp8 = LLAMA_8B | {"quantization_config": {"quant_method": "fp8"}}
    scaled = [("q.weight", "F8_E4M3", (64, 64)), ("q.weight_scale_inv", "F32", (1, 1))]
    assert of_safetensors(scaled, fp8).parameters == 64 * 64
    mxfp4 = LLAMA_8B | {"quantization_config": {"quant_method": "mxfp4"}}
    blocks = [("e_blocks", "U8", (4, 2, 16)), ("e_scales", "U8", (4, 2)), ("n", "BF16", (8,))]
    assert of_safetensors(blocks, mxfp4).parameters == 4 * 2 * 16 * 2 + 8


def test_an_unknown_packing_is_not_counted():
    config = LLAMA_8B | {"quantization_config": {"quant_method": "exl3"}}
    found = of_safetensors([("q.trellis", "I16", (4, 4))], config)
    assert found.parameters is None
    assert "How exl3 packs its weights is not known here." in found.unknown


def test_nothing_known_is_said_to_be_unknown():
    found = facts(Format.PYTORCH, (), None, weight_bytes=10)
    assert (found.parameters, found.task, found.weight_bytes) == (None, None, 10)
    assert "There is no config.json." in found.unknown
    assert "Without tensor headers the parameters cannot be counted." in found.unknown
    assert "The config.json does not say how many layers it has." in found.unknown


shapes = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple), max_size=6)


@given(shapes)
def test_parameters_are_the_sum_of_the_shapes(shapes):
    tensors = [(f"t{number}", "F32", shape) for number, shape in enumerate(shapes)]
    found = of_safetensors(tensors, LLAMA_8B)
    assert found.parameters == (sum(map(prod, shapes)) if shapes else None)
    assert found.weight_bytes == 4 * sum(map(prod, shapes))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
keys = st.sampled_from(
    [*LLAMA_8B, "text_config", "quantization_config", "layer_types", "sliding_window", "id2label"]
)


@given(st.dictionaries(keys, json_values))
def test_no_config_is_too_strange(config):
    found = of_safetensors([("classifier.weight", "F32", ())], config)
    assert found.format is Format.SAFETENSORS


def test_a_mixture_is_as_wide_as_the_experts_a_token_passes():
    own = {"expert_used_count": 8, "expert_feed_forward_length": 192}
    assert of_gguf(llama_gguf(**own)).feed_forward == 8 * 192
    config = {"num_experts_per_tok": 8, "moe_intermediate_size": 1536}
    assert of_safetensors([], LLAMA_8B | config | {"intermediate_size": 6144}).feed_forward == 12288
    mixtral = of_safetensors([], LLAMA_8B | {"num_experts_per_tok": 2})
    assert mixtral.feed_forward == 2 * 14336
