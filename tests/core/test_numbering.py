"""A numbered name answers without its number while nobody else could be meant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.numbering import shared_names


def test_the_only_one_answers_to_the_shared_name() -> None:
    assert shared_names({"m": ["new_model_0"]}, ["m"]) == {"new_model": "m"}
    assert shared_names({"m": ["new_model_0", "new_model_1"]}, []) == {"new_model": "m"}


def test_of_several_nobody_does() -> None:
    assert shared_names({"a": ["new_model_0"], "b": ["new_model_1"]}, []) == {}


def test_a_name_that_somebody_has_stays_theirs() -> None:
    assert shared_names({"a": ["chat_0"]}, ["chat"]) == {}


def test_what_is_no_number_is_none() -> None:
    assert shared_names({"a": ["chat", "chat_", "_0", "chat_x", "chat0", "chat__1"]}, []) == {}


names = st.from_regex(r"[ab]{1,2}(_[0-9]{1,2})?", fullmatch=True)


@given(
    st.dictionaries(st.sampled_from("wxyz"), st.lists(names, max_size=4), max_size=4),
    st.sets(names, max_size=3),
)
def test_it_is_never_ambiguous(given_names: dict[str, list[str]], taken: set[str]) -> None:
    shared = shared_names(given_names, taken)
    for name, model in shared.items():
        assert name not in taken
        could = {
            one
            for one, own in given_names.items()
            if any(n.rpartition("_")[0] == name and n.rpartition("_")[2].isdigit() for n in own)
        }
        assert could == {model}
