"""What Lamini needs to be told of models that are kept here: its preload list and its pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ostler.core.editing import edited, put
from ostler.core.lamini import COUNTS, LIST

HEAD = "# Written by `ostler export lamini`. Lamini fetches these by their names on the hub.\n"


def preload_list(models: Sequence[str]) -> str:
    """Return the part of `llama_config.yaml` that preloads the models."""
    return HEAD + edited("", "llama_config.yaml", lambda _: put(None, LIST, list(models)))


def pods(counts: Mapping[str, int], why: Sequence[str] = ()) -> str:
    """Return the part of `helm_config.yaml` that counts the pods, with what is to be known."""
    said = {"type": "ClusterIP", **counts}
    notes = "".join(f"# {one}\n" for one in why)
    return HEAD + notes + edited("", "helm_config.yaml", lambda _: put(None, COUNTS, said))
