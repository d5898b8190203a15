"""References: what comes out is safe, and means the same when read again."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ostler.core import refs
from ostler.errors import BadRef
from ostler.nouns import ModelRef

WORD = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20)
PART = st.lists(WORD, min_size=1, max_size=3).map(".".join) | st.lists(
    WORD, min_size=1, max_size=3
).map("-".join)
REVISION = st.none() | st.lists(WORD, min_size=1, max_size=3).map("/".join)
VARIANT = st.none() | PART.map(str.lower)
# text that is made of what references are made of, so that some of it parses
NEARLY = st.text("ab/.-_:@#\\ \x00\n~é%" + "A1", max_size=14)


def fits(ref: ModelRef) -> bool:
    return len(ref.name) <= 96 and not ref.name.endswith(".git")


@given(st.builds(ModelRef, name=st.builds("{}/{}".format, PART, PART), revision=REVISION,
                 variant=VARIANT).filter(fits))  # fmt: skip
def test_a_written_reference_reads_back(ref: ModelRef) -> None:
    assert refs.parse(str(ref)) == ref


@given(st.text(max_size=40) | NEARLY | NEARLY.map("a/b@{}".format) | NEARLY.map("a/b#{}".format))
@example("https://hf.co/../..")
@example("a/b@..")
@example("a/b@x/../../y")
def test_nothing_parses_to_something_dangerous(text: str) -> None:
    try:
        ref = refs.parse(text)
    except BadRef:
        return
    for part in (ref.name, ref.revision or "", ref.variant or ""):
        assert ".." not in part
        assert not part.startswith("/")
        assert part.isascii()
        assert part.isprintable()
        assert "\\" not in part
    assert ref.name.count("/") == 1
    assert refs.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "name", "revision", "variant"),
    [
        ("org/name", "org/name", None, None),
        ("hf:org/name@v1#Q4_K_M", "org/name", "v1", "q4_k_m"),
        ("org/name@refs/pr/4", "org/name", "refs/pr/4", None),
        ("https://huggingface.co/Qwen/Q-0.5B", "Qwen/Q-0.5B", None, None),
        ("https://huggingface.co/Qwen/Q/tree/main", "Qwen/Q", "main", None),
        ("hf.co/Qwen/Q/blob/v2/config.json?x=1#q8_0", "Qwen/Q", "v2", "q8_0"),
    ],
)
def test_forms(text: str, name: str, revision: str | None, variant: str | None) -> None:
    assert refs.parse(text) == ModelRef(name, revision, variant)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nope", "with one / between"),
        ("a/b/c", "with one / between"),
        ("", "with one / between"),
        ("a/b--c", "'--'"),
        ("a/b..c", "'..'"),
        ("a/.b", "begin with none of"),
        ("a/b.git", ".git"),
        ("a/" + "b" * 95, "at most 96"),
        ("ollama:a/b", "no source called 'ollama'"),
        ("a/b@", "branch, tag or commit"),
        ("a/b#", "name of a quantization"),
        ("a/b@x..y", "branch, tag or commit"),
        ("https://huggingface.co/datasets/a/b", "not models"),
        ("ä/b", "A-Z a-z"),
    ],
)
def test_refusals_say_why(text: str, why: str) -> None:
    with pytest.raises(BadRef, match="is not a repository id") as caught:
        refs.parse(text)
    assert why in caught.value.what
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_longest_name_is_allowed() -> None:
    assert refs.parse("a/" + "b" * 94).name == "a/" + "b" * 94


@pytest.mark.parametrize("path", ["/srv/models/qwen", "./qwen", "../x", "~/x", "."])
def test_a_path_is_told_how_it_becomes_a_model(path: str) -> None:
    with pytest.raises(BadRef, match="it is a path") as refused:
        refs.parse(path)
    assert f"ostler import {path}" in refused.value.hint


@pytest.mark.parametrize(
    "text", ["org/name:Q4_K_M", "hf:org/name:q4_k_m", "hf.co/org/name:Q4_K_M", "org/name:q4_k_m?"]
)
def test_a_quantization_behind_a_colon_is_told_how_it_is_written(text: str) -> None:
    with pytest.raises(BadRef) as refused:
        refs.parse(text)
    known = not text.endswith("?")
    assert (refused.value.hint == "Write org/name#q4_k_m.") is known
    if known:
        assert refs.parse("org/name#q4_k_m").variant == "q4_k_m"
