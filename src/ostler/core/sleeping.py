"""What an engine holds asleep, from the parts of its estimate."""

from __future__ import annotations

from ostler.core.fleet.state import Nap
from ostler.nouns import Estimate

# What goes: weights to the host's memory, cache and working memory altogether. All else stays: the
# CUDA context, the captured graphs, what communicates with other ranks.
GOES = frozenset({"weights", "KV cache", "activations", "activation peak", "recurrent state"})
WAKES = 5e9  # bytes a second over the bus, until a waking has been measured
OVERHEAD = 0.5  # seconds of a waking, whatever it brings back: what vLLM's own figures leave


def nap(estimate: Estimate, ranks: int, wakes: float = WAKES) -> Nap:
    """Return what one engine over so many devices holds asleep; `wakes` is in bytes a second.

    The margin stays counted on the device: what it is for may well be what does not go.
    """
    left = sum(term.bytes for term in estimate.terms if term.name not in GOES)
    weights = sum(term.bytes for term in estimate.terms if term.name == "weights")
    return Nap(left + estimate.margin.bytes, weights * ranks, OVERHEAD + weights / wakes)
