"""What a key may, and which keys there cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.keys import checked, grants, require_operator
from ostler.errors import Forbidden, UsageError
from ostler.nouns import AccessKey

GOOD = AccessKey("anna", "", "user", ("Qwen/*",), 60, 4, 1000)


def test_a_good_key_is_taken_as_it_is() -> None:
    assert checked(GOOD) == GOOD
    assert checked(AccessKey("ci@host-1.x_y", "")).models == ("*",)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "-x"},
        {"name": "a b"},
        {"name": "a/b"},
        {"name": "a" * 65},
        {"name": "a\n"},
        {"role": "root"},
        {"models": ()},
        {"models": ("",)},
        {"requests_per_minute": 0},
        {"concurrent": -1},
        {"tokens_per_day": 2**31},
    ],
)
def test_a_key_that_cannot_be(change: dict[str, object]) -> None:
    with pytest.raises(UsageError) as refused:
        checked(replace(GOOD, **change))  # type: ignore[arg-type]
    assert refused.value.hint


def test_patterns_are_over_every_name() -> None:
    names = ("Qwen/Qwen2.5-GGUF#q8_0", "Qwen/Qwen2.5-GGUF", "hf:Qwen/Qwen2.5-GGUF")
    assert grants(("Qwen/*",), names)
    assert grants(("other", "*#q8_0"), names)
    assert not grants(("qwen/*",), names), "case counts"
    assert not grants(("Qwen",), names)
    assert not grants((), names)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_a_star_grants_everything(names: list[str]) -> None:
    assert grants(("*",), names)


def test_a_user_may_not_operate() -> None:
    require_operator("operator", "boss")
    with pytest.raises(Forbidden, match="'anna' is a user's"):
        require_operator("user", "anna")
