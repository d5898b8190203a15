"""Memory: terms that add up, laws that hold for every model, and figures that others measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ostler.core.memory import PROFILES, estimate
from ostler.core.memory.soong import simple_terms
from ostler.errors import EngineUnsupported, UsageError
from ostler.nouns import Estimate, Format, ModelFacts, Task, Workload

GIB, MIB, GB = 2**30, 2**20, 10**9

LLAMA_8B = ModelFacts(
    format=Format.SAFETENSORS,
    architecture="LlamaForCausalLM",
    task=Task.CHAT,
    parameters=8_030_261_248,
    weight_bytes=16_060_522_496,
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
)

small = st.integers(1, 64)
models = st.builds(
    ModelFacts,
    format=st.just(Format.GGUF),
    architecture=st.sampled_from(["llama", "bert"]),
    task=st.sampled_from([Task.CHAT, Task.EMBED, Task.RERANK, None]),
    parameters=st.integers(1, 10**12),
    weight_bytes=st.integers(1, 10**12),
    dtype=st.sampled_from(["F32", "BF16", "Q8_0"]),
    context_length=st.none() | st.integers(1, 10**6),
    layers=small,
    hidden=st.integers(1, 20_000),
    kv_heads=small,
    head_dim=small.map(lambda number: number * 32),
    vocabulary=st.none() | st.integers(1, 300_000),
    feed_forward=st.none() | st.integers(1, 60_000),
    attention=st.sampled_from(["full", "sliding", "latent", "varied", "none", None]),
)
engines = st.sampled_from(sorted(PROFILES))
workloads = st.builds(
    Workload,
    context=st.integers(1, 10**6),
    sequences=st.integers(1, 64),
    kv_dtype=st.just("f16"),
)


def term(found: Estimate, name: str) -> int:
    return next(term.bytes for term in found.terms if term.name == name)


@pytest.mark.parametrize("engine", PROFILES)
@pytest.mark.parametrize(("context", "gib"), [(8192, 1), (32768, 4), (131072, 16)])
def test_the_kv_cache_of_llama_3_1_8b(engine, context, gib):
    found = estimate(LLAMA_8B, Workload(context=context), engine)
    assert term(found, "KV cache") == gib * GIB
    six = estimate(LLAMA_8B, Workload(context=context, sequences=6), engine)
    assert term(six, "KV cache") == 6 * gib * GIB


def test_the_reason_of_the_kv_cache_is_its_arithmetic():
    found = estimate(LLAMA_8B, Workload(context=8192, kv_dtype="q8_0"), "llamacpp")
    cache = next(term for term in found.terms if term.name == "KV cache")
    assert cache.bytes == 2 * 32 * 8 * 128 * 8192 * 34 // 32
    assert cache.because == (
        "2 (keys, values) x 32 layers x 8 KV heads x 128 per head"
        " x 34/32 bytes (q8_0) x 8,192 tokens x 1 sequence"
    )


@given(models, workloads, engines)
def test_terms_add_up_and_the_margin_stands_apart(model, workload, engine):
    found = estimate(model, workload, engine)
    assert found.total == sum(term.bytes for term in found.terms)
    assert found.required - found.total == found.margin.bytes == -(-found.total // 10)
    assert all(term.bytes >= 0 and term.because for term in found.terms)
    assert term(found, "weights") == model.weight_bytes


@given(models, workloads, engines)
def test_half_the_context_is_half_the_kv_cache(model, workload, engine):
    assume(model.attention in ("full", "sliding"))
    whole = replace(workload, context=512 * workload.context)
    half = replace(workload, context=256 * workload.context)
    big, little = estimate(model, whole, engine), estimate(model, half, engine)
    assert term(big, "KV cache") == 2 * term(little, "KV cache")


@given(
    models,
    workloads,
    engines,
    st.sampled_from(
        ["weight_bytes", "layers", "kv_heads", "head_dim", "hidden", "vocabulary", "feed_forward"]
    ),
    st.sampled_from(["context", "sequences"]),
    small,
)
def test_more_of_anything_never_needs_less(model, workload, engine, field, load, more):
    before = estimate(model, workload, engine).required
    heavier = replace(workload, **{load: getattr(workload, load) + more})
    assert estimate(model, heavier, engine).required >= before
    if (value := getattr(model, field)) is not None:
        assert (
            estimate(replace(model, **{field: value + more}), workload, engine).required >= before
        )


@pytest.mark.parametrize("engine", PROFILES)
@pytest.mark.parametrize("attention", ["latent", "varied", None])
def test_a_kv_cache_of_unknown_shape_is_left_out_aloud(engine, attention):
    found = estimate(replace(LLAMA_8B, attention=attention), Workload(), engine)
    assert "KV cache" not in [term.name for term in found.terms]
    assert any(note.startswith("kv_cache_unknown") and "NOT" in note for note in found.notes)


@pytest.mark.parametrize("engine", PROFILES)
@pytest.mark.parametrize("field", ["layers", "kv_heads", "head_dim"])
def test_a_missing_number_leaves_the_kv_cache_out(engine, field):
    found = estimate(replace(LLAMA_8B, **{field: None}), Workload(), engine)
    assert "KV cache" not in [term.name for term in found.terms]
    assert any(note.startswith("kv_cache_unknown") for note in found.notes)


@pytest.mark.parametrize(
    ("engine", "name"), [("llamacpp", "compute_buffer"), ("transformers", "activations")]
)
def test_a_missing_width_leaves_the_working_memory_out(engine, name):
    found = estimate(replace(LLAMA_8B, feed_forward=None), Workload(), engine)
    assert any(note.startswith(f"{name}_unknown") for note in found.notes)
    assert name.replace("_", " ") not in [term.name for term in found.terms]


def test_a_sliding_window_makes_the_kv_cache_an_upper_bound():
    found = estimate(replace(LLAMA_8B, attention="sliding"), Workload(), "llamacpp")
    assert term(found, "KV cache") == GIB
    assert any(note.startswith("kv_cache_upper_bound") for note in found.notes)


def test_an_encoder_keeps_no_cache():
    found = estimate(replace(LLAMA_8B, attention="none"), Workload(), "llamacpp")
    assert term(found, "KV cache") == 0


@pytest.mark.parametrize(
    ("asked", "limit", "context", "note"),
    [
        (None, 131072, 8192, "context: 8,192 tokens, a default; the model takes up to 131,072."),
        (None, 2048, 2048, "context: 2,048 tokens, all that the model takes."),
        (None, None, 8192, "context: 8,192 tokens, a default; the model states none."),
        (
            128000,
            32768,
            128000,
            "context_exceeds_model: 128,000 tokens were asked for, the model takes 32,768.",
        ),
        (4096, 32768, 4096, None),
    ],
)
def test_the_context_and_its_reason(asked, limit, context, note):
    model = replace(LLAMA_8B, context_length=limit)
    found = estimate(model, Workload(context=asked), "llamacpp")
    assert found.context == context
    assert found.notes == ((note,) if note else ())


# llama.cpp's own lines on loading (xllamacpp 2026.10.11549, CPU, flash attention on):
# hidden, feed-forward, KV heads, layers, vocabulary, context, sequences -> KV, compute MiB.
LOADED = [
    ((512, 1536, 4, 4, 32000, 4096, 1), 16.00, 18.02),
    ((512, 1536, 4, 4, 32000, 8192, 1), 32.00, 22.02),
    ((512, 1536, 4, 4, 32000, 256, 1), 1.00, 7.13),
    ((512, 1536, 4, 4, 32000, 1000, 3), 12.00, 15.05),
    ((512, 1536, 4, 4, 32000, 100, 8), 8.00, 14.27),
    ((1024, 3072, 4, 3, 64000, 2048, 1), 6.00, 30.02),
    ((1024, 3072, 4, 3, 64000, 1024, 4), 12.00, 29.02),
    ((1024, 8192, 16, 8, 8000, 8192, 1), 256.00, 66.02),
]


@pytest.mark.parametrize(("shape", "kv_mib", "compute_mib"), LOADED)
def test_llama_cpp_prints_the_same_buffers(shape, kv_mib, compute_mib):
    hidden, feed_forward, kv_heads, layers, vocabulary, context, sequences = shape
    model = replace(
        LLAMA_8B,
        hidden=hidden,
        feed_forward=feed_forward,
        kv_heads=kv_heads,
        head_dim=64,
        layers=layers,
        vocabulary=vocabulary,
    )
    found = estimate(model, Workload(context, sequences), "llamacpp")
    assert term(found, "KV cache") / MIB == kv_mib
    assert term(found, "compute buffer") / MIB == pytest.approx(compute_mib, abs=0.06)
    assert term(found, "output buffer") == vocabulary * 4 * sequences


# The same for models that embed: architecture, hidden, feed-forward, vocabulary, context.
EMBEDDING = [
    (("bert", 256, 1024, 3000, 2048), 26.05),
    (("bert", 256, 2048, 3000, 4096), 84.09),
    (("bert", 1024, 4096, 3000, 8192), 416.19),
    (("qwen3", 512, 1536, 3000, 2048), 64.08),
    (("qwen3", 512, 1536, 60000, 2048), 500.83),
]


@pytest.mark.parametrize(("shape", "compute_mib"), EMBEDDING)
def test_llama_cpp_prints_the_same_buffers_for_embedding_models(shape, compute_mib):
    architecture, hidden, feed_forward, vocabulary, context = shape
    model = replace(
        LLAMA_8B,
        architecture=architecture,
        task=Task.EMBED,
        attention="none" if architecture == "bert" else "full",
        hidden=hidden,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
    )
    found = estimate(model, Workload(context), "llamacpp")
    assert term(found, "compute buffer") / MIB == pytest.approx(compute_mib, abs=0.2)


# Qwen's published memory (GiB) of Qwen2.5 in BF16 under transformers on an A100, a batch of one:
# parameters, layers, hidden, feed-forward, KV heads, head size; then tokens -> GiB.
QWEN = {
    "0.5B": ((494_032_768, 24, 896, 4864, 2, 64), {2049: 0.97, 16384: 1.60, 32768: 2.34}),
    "7B": ((7_615_616_512, 28, 3584, 18944, 4, 128), {2049: 14.38, 16384: 16.91, 32768: 19.97}),
    "32B": ((32_763_876_352, 64, 5120, 27648, 8, 128), {2049: 61.58, 16384: 67.31, 32768: 74.47}),
}


@pytest.mark.parametrize("name", QWEN)
def test_transformers_takes_what_qwen_published(name):
    (parameters, layers, hidden, feed_forward, kv_heads, head_dim), measured = QWEN[name]
    model = replace(
        LLAMA_8B,
        weight_bytes=2 * parameters,
        layers=layers,
        hidden=hidden,
        feed_forward=feed_forward,
        kv_heads=kv_heads,
        head_dim=head_dim,
    )
    for tokens, gib in measured.items():
        found = estimate(model, Workload(context=tokens), "transformers")
        on_the_gpu = found.total - term(found, "runtime")  # Python's own memory is not there
        assert 0.99 * gib <= on_the_gpu / GIB <= 1.19 * gib  # a whole prompt at once: the worst


# source-systems.md 3.3: parameters in 10^9, width, context -> GB as printed.
SOONG = [
    (7, "fp16", 32768, 21.4),
    (8, "fp16", 8192, 23.6),
    (32, "int4", 32768, 23.6),
    (70, "int4", 8192, 44.5),
    (70, "int4", 8192, 44.5),
    (32, "fp16", 32768, 76.4),
    (34, "fp16", 16384, 80.8),
    (12, "fp16", 128000, 32.4),
]


@pytest.mark.parametrize(("billions", "width", "context", "total"), SOONG)
def test_the_simple_formula_gives_the_printed_totals(billions, width, context, total):
    bits = {"fp16": 16, "int4": 4}[width]
    model = replace(LLAMA_8B, parameters=billions * GB, weight_bytes=billions * GB * bits // 8)
    found = estimate(model, Workload(context=context), "llamacpp", "soong")
    assert found.total == round(total * 10) * GB // 10
    assert sum(term.bytes for term in found.terms) == found.total


def test_the_simple_formula_knows_four_widths():
    bases = [simple_terms(10, width, 1)[0].bytes for width in ("fp32", "fp16", "int8", "int4")]
    assert bases == [40, 20, 10, 5]
    bits = {32: "fp32", 16: "fp16", 8.5: "int8", 4.85: "int4"}
    for per_weight, width in bits.items():
        model = replace(LLAMA_8B, parameters=GB, weight_bytes=int(GB * per_weight / 8))
        (_, note) = estimate(model, Workload(), "any", "soong").notes
        assert note.endswith(f"taken as {width}.")


def test_the_margin_is_a_share_that_can_be_chosen():
    model = replace(LLAMA_8B, parameters=10 * GB, weight_bytes=20 * GB)
    found = estimate(model, Workload(context=2048), "any", "soong", margin_percent=25)
    assert (found.total, found.margin.bytes) == (25 * GB, 25 * GB // 4)
    assert found.margin.because.startswith("25 %")


def test_wrong_wishes_are_refused():
    with pytest.raises(EngineUnsupported, match="abacus"):
        estimate(LLAMA_8B, Workload(), "abacus")
    with pytest.raises(UsageError, match="vllm keeps no KV cache of the type 'q8_0'"):
        estimate(LLAMA_8B, Workload(kv_dtype="q8_0"), "vllm")
    with pytest.raises(UsageError, match="'magic'"):
        estimate(LLAMA_8B, Workload(), "llamacpp", "magic")
    with pytest.raises(UsageError, match="'int3'"):
        estimate(LLAMA_8B, Workload(kv_dtype="int3"), "llamacpp")
    with pytest.raises(UsageError, match="parameters"):
        estimate(replace(LLAMA_8B, parameters=None), Workload(), "any", "soong")
