"""A user's own flags: passed on in order, but for those that Ostler gives or that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.flags import OURS, extra
from ostler.errors import EngineUnsupported
from ostler.nouns import Workload

names = st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True).filter(lambda name: name not in OURS)
flags = st.lists(st.tuples(names, st.text(min_size=0, max_size=8)), max_size=6)


@given(flags)
def test_they_are_passed_on_in_order(said: list[tuple[str, str]]) -> None:
    words = extra(Workload(flags=tuple(said)), "vllm")
    expected = [word for name, value in said for word in (f"--{name}", value) if word]
    assert words == expected


@given(flags)
def test_those_that_are_given_elsewhere_are_left_out(said: list[tuple[str, str]]) -> None:
    handled = [name for name, _ in said[::2]]
    words = extra(Workload(flags=tuple(said)), "vllm", handled)
    assert not {f"--{name}" for name in handled} & {word for word in words if word[:2] == "--"}


@pytest.mark.parametrize("name", OURS)
def test_what_ostler_gives_is_refused_with_its_own_way(name: str) -> None:
    with pytest.raises(EngineUnsupported) as refused:
        extra(Workload(flags=((name, "secret"),)), "vllm")
    assert name in refused.value.what
    assert "secret" not in f"{refused.value.what}{refused.value.hint}{refused.value.facts}"
    assert refused.value.hint.startswith("Use ")


def test_the_engine_s_own_reason_is_told() -> None:
    with pytest.raises(EngineUnsupported, match="Gone since long ago"):
        extra(
            Workload(flags=(("old", ""),)),
            "vllm",
            (),
            lambda name: f"{name and 'gone'} since long ago",
        )
