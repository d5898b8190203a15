"""Why a model is where it is, in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.placed import why_there

GIB = 2**30
DEVICES = ["cpu", "nvidia:0", "nvidia:1", "nvidia:2"]


@pytest.mark.parametrize(
    ("places", "could", "pool", "said"),
    [
        (["cpu"], ["cpu"], "", "cpu is the only device that llamacpp can run it on"),
        (["nvidia:0"], ["nvidia:0", "cpu"], "", "nvidia:0 comes first of the devices"),
        (["cpu"], ["nvidia:0", "nvidia:1", "cpu"], "", "nvidia:0 and nvidia:1 had no room for 2.0"),
        (["nvidia:0", "nvidia:1"], ["nvidia:0"], "", "2.0 GiB on each of 2 devices at once"),
        (["cpu"], ["cpu"], "big", "The pool big keeps it to its own memory."),
    ],
)
def test_what_was_left_to_choose(places: list[str], could: list[str], pool: str, said: str) -> None:
    assert said in why_there(places, could, 2 * GIB, "llamacpp", pool)


@given(
    st.lists(st.sampled_from(DEVICES), min_size=1, unique=True),
    st.lists(st.sampled_from(DEVICES), unique=True),
    st.integers(0, 2**50),
)
def test_every_device_that_it_takes_is_named(
    places: list[str], could: list[str], needs: int
) -> None:
    said = why_there(places, could, needs, "vllm")
    assert all(place in said for place in places)
    assert said.endswith(".")
