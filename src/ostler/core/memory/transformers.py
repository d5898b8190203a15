"""What `transformers serve` takes: the whole prompt of a request goes through a layer at once."""

from __future__ import annotations

from ostler.core.dtypes import FLOATS, GGML_BY_NAME
from ostler.core.memory.cache import Keeping, cache_terms
from ostler.core.memory.calibrated import CONSTANTS
from ostler.core.memory.parts import check_split, unknown_width, weights
from ostler.nouns import ModelFacts, Term, Workload

RUNTIME = 390_000_000  # transformers 5.23.0 with torch 2.13.0 and a 3 MB model: 388 MB resident
INDICES = 32  # bytes per token: its number, position, mask and cache position, 64 bits each
Terms = tuple[tuple[Term, ...], tuple[str, ...]]


def terms(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of a transformers server and the notes on them.

    It keeps its cache in the type it computes in, so `workload.kv_dtype` does not count. Flags:
    "prompt" says how much of the context comes in at once, all where it is not given; "gpus" over
    how many devices the layers are laid, each of which needs its own working memory.
    """
    check_split(facts, workload, "transformers", can=False)
    element = GGML_BY_NAME[facts.dtype if facts.dtype in FLOATS and facts.dtype else "F16"]
    keeping = Keeping(element, element, conv_bytes=element.size)
    cache, notes = cache_terms(facts, context, workload.sequences, keeping)
    held = weights(facts)
    runtime = Term("runtime", RUNTIME, "Python with torch before it loads, measured")
    prompt = min(_number(workload, "prompt") or context, context)
    width = _width(facts)
    if width is None:
        return (held, *cache, runtime), (*notes, unknown_width("activations"))
    work = _work(prompt, width, element.size, _number(workload, "gpus") or 1)
    grown = sum(term.bytes for term in cache)
    early, _ = cache_terms(facts, prompt, workload.sequences, keeping)
    at_prompt = sum(term.bytes for term in early)
    size = max(work.bytes - (grown - at_prompt), 0)  # the cache grows after the prompt is through
    load = _loading(facts)
    beside = [Term("activations", size, work.because)]
    if load is not None and load.bytes > grown + size:
        beside.append(Term("loading", load.bytes - grown - size, load.because))
    packing = _unpacking(facts)
    return (held, *packing, *cache, *beside, runtime), notes


def _width(facts: ModelFacts) -> tuple[int, str] | None:
    """Return the numbers per token alive in the widest moment of a layer, and its words.

    In the feed-forward half: the embedded prompt, the layer's input, the residual and its norm,
    then gate, up and their product. In attention: the first three, four of the queries' width
    (before and after rotation, the output, one in between) and four of the keys'. In a mixture:
    two more of the stream's, and the router's mask of 64-bit numbers.
    """
    hidden, middle = facts.hidden, facts.feed_forward
    if hidden is None or middle is None:
        return None
    heads, keys, each = facts.heads or 0, facts.kv_heads or 0, facts.head_dim or 0
    attention = 3 * hidden + 4 * each * (heads + keys)
    if facts.experts and facts.experts_per_token:
        mask = facts.experts * (4 * facts.experts_per_token + 2)
        mixed = 5 * hidden + mask
        if mixed > attention:
            return mixed, f"5 x {hidden:,} + {mask:,} for the router"
        return attention, f"3 x {hidden:,} + 4 x {each * (heads + keys):,}"
    dense = 4 * hidden + 3 * middle + 2 * each
    if attention > dense:
        return attention, f"3 x {hidden:,} + 4 x {each * (heads + keys):,}"
    return dense, f"4 x {hidden:,} + 3 x {middle:,} + 2 x {each}"


def _work(prompt: int, width: tuple[int, str], size: int, devices: int) -> Term:
    base = CONSTANTS["transformers.base"]
    each = prompt * (width[0] * size + INDICES) + int(base.value)
    because = (
        f"{prompt:,} tokens x ({width[1]}) x {size} bytes and {INDICES} for indices,"
        f" and {int(base.value):,} bytes ({base.rows})"
    )
    if devices > 1:
        because = f"{devices} GPUs x ({because})"
    return Term("activations", each * devices, because)


def _unpacking(facts: ModelFacts) -> tuple[Term, ...]:
    """Return what the kernels of a packed quantization keep beside the weights."""
    name = (facts.quantization or "").lower()
    if "gptq" not in name or "8" in name or not facts.parameters:
        return ()
    beside = CONSTANTS["transformers.gptq4_bits"]
    linear = sum(matrix.parameters for matrix in facts.matrices if _packs(matrix.role))
    size = int((linear or facts.parameters) * beside.value / 8)
    because = f"{beside.value:.3f} bits per packed weight ({beside.rows})"
    return (Term("unpacking", size, because),)


def _packs(role: str) -> bool:
    return role.startswith(("attn", "ffn_gate", "ffn_up", "ffn_down", "ssm_in", "ssm_out")) and (
        role != "ffn_gate_inp"
    )


def _loading(facts: ModelFacts) -> Term | None:
    """Return the peak of loading: AWQ files of tied models hold the embedding twice."""
    if "awq" not in (facts.quantization or "").lower() or not facts.tied:
        return None
    size = next((part.bytes for part in facts.parts if part.role == "embedding"), 0)
    return Term("loading", size, "a second embedding matrix, until it is tied to the first")


def _number(workload: Workload, flag: str) -> int | None:
    value = workload.flag(flag)
    return int(value) if value and value.isdecimal() else None
