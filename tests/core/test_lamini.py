"""Lamini's preload list and pods: once each, and warned of with numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import lamini
from ostler.core.editing import edited, read
from ostler.errors import CannotEdit, UsageError

GB = 10**9
MODELS = st.lists(st.sampled_from(["a/one", "a/two", "b/three"]), unique=True)
FILE = """\
# our Lamini
powerml: {website: "https://lamini.example"}   # the door
multi_node_inference:
  batch_model_list:
    # small ones first
    - 'hf-internal/tiny'  # for tests
  port: 8080
"""


@given(MODELS, st.sampled_from(["c/new", "c/other"]))
def test_added_once_and_taken_back(held: list[str], model: str) -> None:
    data: Any = {"multi_node_inference": {"batch_model_list": held, "port": 1}}
    more = lamini.added(data, model)
    assert lamini.preloaded(more) == [*held, model]
    assert lamini.removed(more, model) == data
    with pytest.raises(UsageError, match="preloaded already"):
        lamini.added(more, model)


def test_a_model_under_its_former_name_is_the_same() -> None:
    data = lamini.added(None, "meta-llama/Meta-Llama-3.1-8B-Instruct")
    names = ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct")
    with pytest.raises(UsageError, match=r"as meta-llama/Meta-Llama-3\.1-8B-Instruct"):
        lamini.added(data, names[0], names)


def test_the_rest_of_the_file_stays() -> None:
    longer = edited(FILE, "f", lambda held: lamini.added(held, "a/one"))
    assert longer == FILE.replace("  port", "    - a/one\n  port")
    assert edited(longer, "f", lambda held: lamini.removed(held, "a/one")) == FILE


@pytest.mark.parametrize("list_", ["models", {"a": 1}, [1], 5])
def test_what_is_no_list_of_names_is_not_edited(list_: Any) -> None:
    with pytest.raises(CannotEdit):
        lamini.added({"multi_node_inference": {"batch_model_list": list_}}, "a/one")


def test_five_models_of_40_gb_do_not_fit_one_gpu_of_48() -> None:
    budget = lamini.Budget({f"a/m{i}": 40 * GB for i in range(5)}, 1, 48 * GB)
    (said,) = budget.warnings()
    assert said.startswith("Be conservative: 5 preloaded models need 186 GiB")
    assert "1 batch pod has 44.7 GiB" in said
    assert "raise inference.batch to 5" in said
    assert not budget.fits
    assert lamini.Budget(budget.needs, 5, 48 * GB).warnings() == []


@given(st.lists(st.integers(1, 60), max_size=8), st.integers(10, 80))
def test_packing_overfills_no_gpu_and_loses_nothing(needs: list[int], room: int) -> None:
    fitting = [need for need in needs if need <= room]
    left = lamini.packed(fitting, room)
    assert all(0 <= free <= room for free in left)
    assert sum(fitting) == room * len(left) - sum(left)
    assert len(left) <= len(fitting)
    assert all(one + two >= room for one, two in pairs_of([room - free for free in left]))


def pairs_of(taken: list[int]) -> list[tuple[int, int]]:
    """Any two GPUs, by what is on them: were both together no more than one holds, one would do."""
    return [(a, b + 1) for i, a in enumerate(taken) for b in taken[i + 1 :]]


def test_what_is_not_known_is_said_and_not_counted() -> None:
    budget = lamini.Budget({"a/known": 10, "a/unknown": None, "a/large": 200}, 2, 100)
    large, unknown = budget.warnings()
    assert "no pod holds it" in large
    assert "a/unknown" in unknown
    assert budget.total == 210


def test_counts_are_read_and_set_one_by_one() -> None:
    text = "inference:\n  type: ClusterIP\n  batch: 1\n  catchall: 1  # spare\n"
    assert lamini.counts(read(text, "f")) == {"batch": 1, "catchall": 1}
    more = edited(text, "f", lambda held: lamini.recounted(held, {"batch": 3, "streaming": 1}))
    assert more == text.replace("batch: 1", "batch: 3") + "  streaming: 1\n"
    with pytest.raises(CannotEdit, match=r"inference\.batch"):
        lamini.counts({"inference": {"batch": "many"}})
