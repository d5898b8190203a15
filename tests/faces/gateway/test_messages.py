"""What is said is what is heard, however the bytes are cut."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway import messages as m

texts = st.text(max_size=10)
backends = st.builds(
    m.Backend, texts, texts, st.integers(1, 65535), model_name=texts, adds_done=st.booleans()
)
states = st.sampled_from(["ready", "loading", "stopped", "failed"])
several = st.lists(backends, max_size=3).map(tuple)
models = st.builds(m.Model, states, texts, several, st.lists(texts, max_size=2).map(tuple))
tables = st.builds(m.Table, texts, st.dictionaries(texts, models, max_size=3))
refusals = st.builds(
    m.Refuse, texts, st.integers(400, 599), st.builds(m.Fault, texts, texts, texts, texts)
)
dones = st.builds(
    m.Done,
    texts,
    texts,
    st.integers(100, 599),
    st.floats(0, 9),
    st.none() | st.floats(0, 9),
    st.integers(0),
    st.integers(0),
)
words = st.one_of(
    dones, st.builds(m.Want, texts), st.builds(m.Busy, texts), st.builds(m.Broken, texts, texts)
)


@given(st.lists(tables | refusals, max_size=4), st.integers(1, 40))
def test_the_gateway_hears_what_the_keeper_says(said: list[Any], step: int) -> None:
    data, lines, heard = b"".join(map(m.encode, said)), m.Lines(), []
    for at in range(0, len(data), step):
        heard += [m.read_by_gateway(line) for line in lines.feed(data[at : at + step])]
    assert heard == said


@given(words)
def test_the_keeper_hears_what_the_gateway_says(said: Any) -> None:
    assert m.encode(said).count(b"\n") == 1
    assert m.read_by_keeper(m.encode(said)) == said


def test_a_word_of_the_other_side_is_not_understood() -> None:
    with pytest.raises(msgspec.DecodeError):
        m.read_by_gateway(m.encode(m.Want("x")))
