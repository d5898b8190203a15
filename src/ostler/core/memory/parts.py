"""The terms that engines share: the weights of one GPU, the working memory of one layer."""

from __future__ import annotations

from ostler.core.weights import rank_bytes
from ostler.errors import ImpossibleSplit
from ostler.nouns import ModelFacts, Term, Workload


def weights(facts: ModelFacts, ranks: int = 1, unused: tuple[str, ...] = ("draft",)) -> Term:
    """Return what one of `ranks` GPUs holds of the weights: what is loaded, tied tensors once.

    Where the tensors are not known one by one, the size of the files, of which each GPU then
    holds its share of all.
    """
    loaded = tuple(part for part in facts.parts if part.role not in unused)
    if not loaded:
        size = -(-facts.weight_bytes // ranks)
        shared = f" / {ranks} GPUs" if ranks > 1 else ""
        return Term("weights", size, f"the size of the weight files{shared}")
    if facts.tied and {"embedding", "output"} <= {part.role for part in loaded}:
        loaded = tuple(part for part in loaded if part.role != "output")
    size = sum(rank_bytes(part, ranks, facts.kv_heads) for part in loaded)
    left = facts.weight_bytes - sum(part.bytes for part in loaded)
    because = "the tensors that are loaded"
    if left > 0 and len(loaded) < len(facts.parts):
        because += f"; {left:,} bytes of the files are not"
    if ranks > 1:
        whole = sum(part.bytes for part in loaded if part.split == "none")
        because += f", split over {ranks} GPUs"
        because += f"; {whole:,} bytes are whole on each" if whole else ""
    return Term("weights", size, because)


def check_split(facts: ModelFacts, workload: Workload, engine: str, can: bool) -> int:
    """Return the number of GPUs that share each layer.

    Raises ImpossibleSplit where the engine cannot split layers, or the heads do not divide.
    """
    ranks = workload.tensor_parallel
    if ranks == 1:
        return 1
    if not can:
        raise ImpossibleSplit(
            f"{engine} does not split layers over GPUs: tensor parallelism of {ranks} cannot be.",
            hint="Leave --tp out, or take --engine vllm.",
            tensor_parallel=ranks,
        )
    heads = facts.heads
    if heads is not None and heads % ranks:
        able = [str(number) for number in range(1, min(heads, 64) + 1) if heads % number == 0]
        raise ImpossibleSplit(
            f"{heads} attention heads cannot be split over {ranks} GPUs.",
            hint=f"Take --tp of {', '.join(able)}.",
            tensor_parallel=ranks,
            heads=heads,
        )
    if facts.kv_heads and max(facts.kv_heads, ranks) % min(facts.kv_heads, ranks):
        raise ImpossibleSplit(
            f"{facts.kv_heads} KV heads can be neither split nor copied evenly over {ranks} GPUs.",
            hint="Take a --tp that divides them, or that they divide.",
            tensor_parallel=ranks,
            kv_heads=facts.kv_heads,
        )
    return ranks


def layer_width(facts: ModelFacts) -> int | None:
    """Return how many numbers per token one layer works on at the same moment.

    5 x hidden + 3 x feed-forward: the residual stream with its norms, and gate, up and product.
    Found by measuring: the compute buffers that llama.cpp of xllamacpp 2026.10.11549 prints for
    llama and qwen3 models are this within 0.03 MiB where feed-forward >= 3 x hidden, less in
    narrower models, up to twice as much in mixtures of experts.
    None where a width is not known.
    """
    if facts.hidden is None or facts.feed_forward is None:
        return None
    return 5 * facts.hidden + 3 * facts.feed_forward


def unknown_width(name: str) -> str:
    """Return the note for a working memory that cannot be computed."""
    return f"{name.replace(' ', '_')}_unknown: a layer's width is not stated; it is NOT included."
