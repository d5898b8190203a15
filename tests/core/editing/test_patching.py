"""An edit taken back: to the byte where nothing else happened, beside other edits where it can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core import editing

BEFORE = """\
# mine
models:
  org/a: {context: 512}   # small

  # the big one
  org/b:
    context: 8192   # all of it
    pinned: true
  org/c: {ttl: 10m}
preload:
  - org/b   # first
  - org/c
"""
TAKEN = {"org/b"}


def without(said: object) -> object:
    assert isinstance(said, dict)
    return said | {
        "models": {name: one for name, one in said["models"].items() if name not in TAKEN},
        "preload": [name for name in said["preload"] if name not in TAKEN],
    }


AFTER = editing.edited(BEFORE, "file", without)


def test_a_text_that_nobody_edited_is_as_it_was() -> None:
    assert editing.patched(BEFORE, AFTER, AFTER) == BEFORE


def test_edits_of_others_stay_and_the_comments_come_back() -> None:
    for old, new in (
        ("# mine\n", "# mine and yours\n# too\n"),
        ("context: 512}   # small", "context: 1024}   # larger"),
        ("  org/c: {ttl: 10m}\n", "  org/c: {ttl: 10m}\n  org/d: {}\n"),
        ("  - org/c\n", "  - org/c\n  - org/a\n# the end\n"),
    ):
        assert old in AFTER
        found = editing.patched(BEFORE, AFTER, AFTER.replace(old, new))
        assert found == BEFORE.replace(old, new)


def test_where_the_lines_around_are_gone_nothing_is_guessed() -> None:
    assert editing.patched("a\nb\nc\n", "a\nc\n", "x\ny\n") is None
    assert editing.patched("a\nb\nc\n", "a\nB\nc\n", "a\nother\nc\n") is None
    assert editing.patched("x\n", "a\nb\n", "a\nmine\nb\n") is None


lines = st.lists(st.sampled_from(("a\n", "b\n", "c\n", "d\n", "e\n")), max_size=8)


@given(lines, lines)
def test_taken_back_at_once_it_is_as_it_was(before: list[str], after: list[str]) -> None:
    old, new = "".join(before), "".join(after)
    assert editing.patched(old, new, new) == old
    assert editing.patched(old, old, new) == new


@given(lines, lines, st.sampled_from(("top\n", "first\nsecond\n")))
def test_what_was_written_at_the_top_stays(before: list[str], after: list[str], top: str) -> None:
    old, new = "x\n" + "".join(before), "x\n" + "".join(after)
    assert editing.patched(old, new, top + new) == top + old
