"""Lamini's two files: which models are preloaded, and how many pods there are for what.

`llama_config.yaml` holds the list `multi_node_inference.batch_model_list`; `helm_config.yaml` the
counts under `inference`. A pod has one GPU. Preloaded models are on the `batch` pods; any other
model goes to a `catchall` pod first, and to another kind of pod where none of those is free.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.core.editing import at, put
from ostler.core.sizes import memory
from ostler.errors import CannotEdit, UsageError

LIST = ("multi_node_inference", "batch_model_list")
COUNTS = ("inference",)
KINDS = ("batch", "streaming", "embedding", "catchall")


def preloaded(data: Any) -> list[str]:
    """Return the models that the file preloads, in its order. Raises CannotEdit."""
    found = at(data, LIST)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise CannotEdit(
            f"{'.'.join(LIST)} is not a list of model names.", hint="Make the change by hand."
        )
    return found


def added(data: Any, model: str, names: Collection[str] = ()) -> Any:
    """Return the file's values with one more model at the end of the list.

    `names` are others that the same model has or had. Raises UsageError where it is there.
    """
    held = preloaded(data)
    for one in held:
        if one == model or one in names:
            known = f" as {one}" if one != model else ""
            raise UsageError(
                f"{model} is preloaded already{known}.",
                hint="`ostler lamini preload list` shows all.",
            )
    return put(data, LIST, [*held, model])


def removed(data: Any, model: str) -> Any:
    """Return the file's values without a model. Raises UsageError where it is not there."""
    held = preloaded(data)
    if model not in held:
        raise UsageError(
            f"{model} is not preloaded.", hint=f"Preloaded are: {', '.join(held) or 'none'}."
        )
    return put(data, LIST, [one for one in held if one != model])


def counts(data: Any) -> dict[str, int]:
    """Return how many pods there are of each kind. Raises CannotEdit."""
    found = at(data, COUNTS) or {}
    if not isinstance(found, dict):
        raise CannotEdit("`inference` is not a mapping of counts.", hint="Make the change by hand.")
    said = {kind: found[kind] for kind in KINDS if kind in found}
    for kind, count in said.items():
        if type(count) is not int or count < 0:
            raise CannotEdit(
                f"inference.{kind} is {count!r}, not a number of pods.", hint="Make it a number."
            )
    return said


def recounted(data: Any, wanted: Mapping[str, int]) -> Any:
    """Return the file's values with other counts; those not named stay."""
    for kind, count in wanted.items():
        data = put(data, (*COUNTS, kind), count)
    return data


@dataclass(frozen=True, slots=True)
class Budget:
    """What the preloaded models take of the pods that hold them. In bytes."""

    needs: Mapping[str, int | None]  # model -> with its margin; None: not known
    pods: int  # of the kind `batch`, each with one GPU
    room: int  # of one GPU

    @property
    def total(self) -> int:
        return sum(need or 0 for need in self.needs.values())

    @property
    def fits(self) -> bool:
        return not any(need and need > self.room for need in self.needs.values()) and (
            self.least <= self.pods
        )

    @property
    def least(self) -> int:
        """The least number of pods that first-fit by size needs; a model lies on one pod.

        What no pod holds is not counted.
        """
        held = [need for need in self.needs.values() if need and need <= self.room]
        return len(packed(held, self.room))

    def warnings(self) -> list[str]:
        """Return what will not work, each as a sentence with its numbers."""
        said = [
            f"{model} needs {memory(need)}, and one GPU has {memory(self.room)}: no pod holds it."
            for model, need in self.needs.items()
            if need and need > self.room
        ]
        if self.least > self.pods:
            said.append(
                f"Be conservative: {len(self.needs)} preloaded models need {memory(self.total)}, "
                f"and {self.pods} batch {'pod has' if self.pods == 1 else 'pods have'} "
                f"{memory(self.pods * self.room)}. Preload fewer, or raise inference.batch to "
                f"{self.least}; otherwise loading one evicts another."
            )
        unknown = [model for model, need in self.needs.items() if need is None]
        if unknown:
            said.append(f"What these need is not known, and not counted: {', '.join(unknown)}.")
        return said


def packed(needs: Sequence[int], room: int) -> list[int]:
    """Return what is left free on each GPU after the needs are put on them, the largest first."""
    left: list[int] = []
    for need in sorted(needs, reverse=True):
        place = next((i for i, free in enumerate(left) if free >= need), None)
        if place is None:
            left.append(max(room - need, 0))
        else:
            left[place] -= need
    return left


def pods_for(budget: Budget, embedders: int) -> dict[str, int]:
    """Return counts that hold the preloaded models, with one pod left for everything else."""
    return {
        "batch": max(1, budget.least), "streaming": 1, "embedding": 1 if embedders else 0,
        "catchall": 1,
    }  # fmt: skip
