"""Long requests go to the backend for long ones, short ones leave it alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.lengths import ANSWER, STATES, Member, order, tokens_of

SHORT, LONG = Member("throughput", 4096), Member("long")
MEMBERS = st.lists(
    st.builds(
        Member,
        st.sampled_from("abcdef"),
        st.none() | st.integers(1, 10_000),
        st.sets(st.sampled_from(["operator", "user"])).map(tuple),
        st.sampled_from(STATES),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.model,
)


def test_by_length() -> None:
    assert order((SHORT, LONG), 5000, "user", b"")[0] == "long"
    assert order((LONG, SHORT), 100, "user", b"") == ("throughput", "long")
    assert order((SHORT, LONG), 4096, "user", b"")[0] == "throughput"


def test_the_longest_is_tried_where_all_are_too_short() -> None:
    assert order((SHORT, Member("other", 8192)), 50_000, "user", b"") == ("other",)


def test_tokens_are_a_quarter_of_the_bytes_and_the_answer() -> None:
    assert tokens_of(4000, 100) == 1100
    assert tokens_of(4001, None) == 1001 + ANSWER


def test_a_backend_for_the_role_comes_first() -> None:
    theirs, ours = Member("batch", None, ("batch",)), Member("all")
    assert order((ours, theirs), 1, "batch", b"")[0] == "batch"
    assert order((theirs, ours), 1, "user", b"") == ("all", "batch")


def test_what_is_up_comes_before_what_would_have_to_be_loaded_and_what_failed_last() -> None:
    cold, warm, dead = Member("a", 9, (), "stopped"), Member("b", 9), Member("c", 5, (), "failed")
    assert order((cold, warm, dead), 1, "user", b"") == ("b", "a", "c")


@given(MEMBERS, st.integers(0, 20_000), st.sampled_from(["operator", "user", "x"]), st.binary())
def test_laws(members: list[Member], tokens: int, role: str, head: bytes) -> None:
    found = order(members, tokens, role, head)
    by_name = {one.model: one for one in members}
    limits = [by_name[name].tokens for name in found]
    able = {one.model for one in members if one.tokens is None or one.tokens >= tokens}
    assert found
    assert len(set(found)) == len(found)
    assert set(found) == able or not able
    if not able:
        assert all(limit == max(one.tokens or 0 for one in members) for limit in limits)
    assert order(members[::-1], tokens, role, head) == found, "the order of the list is no matter"
    assert order(members, tokens, role, head) == found, "one conversation stays at one place"
