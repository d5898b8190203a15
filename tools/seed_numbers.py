"""`python -m tools.seed_numbers`: write docs/explanation/seed-numbers.md, every figure computed.

The seeds are the documents of older systems that Ostler replaces. What they print of memory is
held here against their own formula, and against what the files of the models say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ostler.core.facts import described
from ostler.core.memory import estimate
from ostler.core.memory.soong import simple_terms
from ostler.nouns import ModelFacts, Workload

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/explanation/seed-numbers.md"
CONFIGS = ROOT / "src/ostler/data/calibration/configs"
GB, GIB = 10**9, 2**30
LADDER = (16, 24, 40, 48, 80, 160)  # GB of the GPUs that soong knows
# soong's models: id, billions of parameters, width, context, the total its code computes; then
# what its table of models, its page of models and the headings there print.
SOONG = (
    ("mistral-7b", 7, "fp16", 32768, 21.4, 21, 20),
    ("llama-3.1-8b", 8, "fp16", 8192, 23.6, 22, 18),
    ("qwen2.5-coder-32b-int4", 32, "int4", 32768, 23.6, 26, 22),
    ("deepseek-r1-70b", 70, "int4", 8192, 44.5, 49, 44),
    ("llama-3.1-70b", 70, "int4", 8192, 44.5, 49, 44),
    ("qwen2.5-coder-32b", 32, "fp16", 32768, 76.4, 46, 69),
    ("codellama-34b", 34, "fp16", 16384, 80.8, 48, 73),
    ("mistral-nemo-12b", 12, "fp16", 128000, 32.4, None, None),
)


def total(billions: int, width: str, context: int) -> float:
    """Return soong's total in GB."""
    return sum(term.bytes for term in simple_terms(billions * GB, width, context)) / GB


def smallest(needed: float) -> str:
    """Return the smallest GPU that soong's rule takes, in GB."""
    return str(next((size for size in LADDER if needed <= 0.9 * size), "none"))


def judged(printed: float | None, whole: float, weights: float) -> str:
    """Return what a printed number is, if it is anything."""
    if printed is None:
        return ""
    if printed < weights:
        return f"{printed}: impossible, the weights alone are {weights:.1f}"
    readings = ((whole, "the total"), (whole * 1.1, "the total with 10 %"),
                (whole / 1.1, "the total less 10 %"))  # fmt: skip
    for value, words in readings:
        if abs(value - printed) < 1:
            return f"{printed}: {words}, {value:.1f}"
    return f"{printed}: neither the total nor it with a margin"


def soong_lines() -> Iterator[str]:
    """Yield a line for each of soong's models."""
    titles = ("model", "the formula's total", "code prints", "smallest GPU", "table prints",
              "headings print")  # fmt: skip
    yield f"| {' | '.join(titles)} |"
    yield "|---|---|---|---|---|---|"
    for name, billions, width, context, stated, table, heading in SOONG:
        whole, weights = total(billions, width, context), simple_terms(
            billions * GB, width, context)[0].bytes / GB  # fmt: skip
        same = "the same" if round(whole, 1) == stated else f"{stated}: WRONG"
        yield (
            f"| {name} | {whole:.1f} GB | {same} | {smallest(whole)} GB |"
            f" {judged(table, whole, weights)} | {judged(heading, whole, weights)} |"
        )


def of(name: str, quantization: str | None = None) -> ModelFacts:
    """Return what the config.json of a model says."""
    text = (CONFIGS / f"{name.replace('/', '--')}.json").read_text(encoding="utf-8")
    return described(json.loads(text), quantization)


def cache(context: int) -> float:
    """Return the GiB of Llama 3.1 8B's KV cache."""
    found = estimate(of("meta-llama/Llama-3.1-8B-Instruct"), Workload(context), "llamacpp")
    return next(term.bytes for term in found.terms if term.name == "KV cache") / GIB


def file_lines() -> Iterator[str]:
    """Yield a line for each size that the seeds print of real models."""
    llama, llama4 = of("meta-llama/Llama-3.1-8B-Instruct"), of(
        "meta-llama/Llama-3.1-8B-Instruct", "awq")  # fmt: skip
    coder, big = of("Qwen/Qwen2.5-Coder-7B-Instruct"), of("Qwen/Qwen2.5-72B-Instruct", "awq")
    huge, bge = of("meta-llama/Llama-3.1-70B-Instruct"), of("BAAI/bge-m3")
    small = sum(matrix.parameters for matrix in bge.matrices) * 4
    share = 100 * llama4.weight_bytes / llama.weight_bytes

    def gb(facts: ModelFacts) -> str:
        return f"{facts.weight_bytes / GB:.1f} GB"

    yield "| the seeds print | the files say | so |"
    yield "|---|---|---|"
    yield f"| Llama 3.1 8B, FP16: 16 GB | {gb(llama)} of weights | right |"
    yield (
        f"| the same in 12 to 14 GB at 8K | {gb(llama)} of weights and {cache(8192):.0f} GiB of"
        " cache | impossible |"
    )
    yield f"| Qwen2.5 Coder 7B: 14 GB on disk | {gb(coder)} | too low |"
    yield f"| the same in 11 to 13 GB | {gb(coder)} of weights | impossible |"
    yield (
        f"| Llama 3.1 8B: KV of 1, 4, 16 GiB at 8K, 32K, 128K | {cache(8192):.0f},"
        f" {cache(32768):.0f}, {cache(131072):.0f} GiB | right |"
    )
    yield f"| Llama 3.1: 8K native, 32K by RoPE | {llama.context_length:,} tokens | wrong |"
    yield f"| 72B in 4 bits: about 40 GB | {gb(big)} | right |"
    yield (
        f"| 4 bits take about 25 % of FP16 | {share:.0f} % of 8B | too low: embeddings stay whole |"
    )
    yield f"| 70B in BF16: about 140 GB | {gb(huge)} | right |"
    yield f"| BGE-M3: about 2 GB | {small / GB:.1f} GB in 32 bits | right |"


def rule_lines() -> Iterator[str]:
    """Yield a line for each number of soong's rules."""
    seventy, nemo = total(70, "int4", 8192), total(12, "fp16", 128000)
    yield "| soong prints | computed | so |"
    yield "|---|---|---|"
    yield (
        f"| 35 + 4 + 2 + 3.5 = 49.0 | {seventy:.1f} |"
        f" wrong; 49.0 is it with 10 % ({seventy * 1.1:.2f}) |"
    )
    yield f"| mistral-nemo: 32.5 GB | {nemo:.1f} | wrong in the last digit |"
    yield f"| 44.5 GB fits an A6000 of 48 GB | {seventy * 1.1:.2f} with 10 % | wrong |"
    for size, first, second in ((24, 21.82, 21.6), (48, 43.64, 43.2)):
        yield (
            f"| total x 1.1 <= {size}, or total <= 0.9 x {size} | {size / 1.1:.2f} and"
            f" {size * 0.9:.1f} ({first} and {second}) | two rules; Ostler's is the first |"
        )
    giant = total(800, "fp16", 8192)
    yield (
        f"| 800B in FP16: 160 GB | {giant:.0f}, {giant * 1.1:.0f} with 10 % |"
        " no GPU of the ladder |"
    )
    capped = simple_terms(8 * GB, "fp16", 131072)[1].bytes / GB
    real = cache(131072)
    yield f"| 8B at 128K: KV of {capped:.0f} GB | {real:.0f} GiB | the cap at 8K hides it |"


def page() -> str:
    """Return the page."""
    return "\n".join(
        [
            "# The seeds' numbers",
            "",
            "Ostler replaces older systems whose documents print how much memory models take, and"
            " contradict",
            "themselves. Here is each of these numbers, and what it is. Written by"
            " `python -m tools.seed_numbers`;",
            "a test computes it anew. GB is 10^9 bytes, GiB is 2^30.",
            "",
            "## soong's models",
            "",
            "`--method soong` is its formula: P x b + min(4, context / 2048) + 2 + 0.1 x P x b.",
            "",
            *soong_lines(),
            "",
            "## soong's rules",
            "",
            *rule_lines(),
            "",
            "## Real models",
            "",
            *file_lines(),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
