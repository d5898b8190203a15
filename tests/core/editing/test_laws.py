"""Laws of an edit by position: taken back it is undone to the byte, and nothing else moves."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.editing import at, edited, put, read, unified, without
from ostler.errors import BrokenYaml, CannotEdit

NAMES = st.sampled_from(["web", "db", "n8n", "router", "x-base", "llm_net", "a.b", "'quoted'"])
WORDS = st.sampled_from(
    ["1", "on", "'1'", '"two words"', "meta-llama/Llama-3.1-8B", "nginx:1.27", "~", "", "é",
     "0x1f", "{a: 1, b: [x,   y]}", "[]", "{}", "[ 'a' , b ]", "|\n@@text\n@@\n@@more",
     ">-\n@@folded\n@@on"]
)  # fmt: skip
COMMENTS = st.sampled_from(["", "", "", "  # why", " #\ttab", "   # ü - x: [y]"])
ABOVE = st.sampled_from(
    ["", "", "", "\n", "# a note\n", "\n# apart\n", "        # far in\n", "  \n"]
)


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """A file as people write them: any indent, quotes, comments, blank lines, line ends."""
    step = draw(st.sampled_from([1, 2, 4]))
    text = draw(st.sampled_from(["", "# head\n", "---\n", "\n"])) + mapping(draw, 0, depth, step)
    text = text.rstrip("\n") if draw(st.booleans()) and "|" not in text else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def mapping(draw: st.DrawFn, indent: int, depth: int, step: int) -> str:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    return "".join(pair(draw, name, indent, depth, step) for name in names)


def pair(draw: st.DrawFn, name: str, indent: int, depth: int, step: int) -> str:
    head = draw(ABOVE) + " " * indent + name + ":"
    kind = draw(st.sampled_from(["word", "word", "map", "list"] if depth else ["word"]))
    if kind == "word":
        word = draw(WORDS)
        if "@@" in word:
            return f"{head} {word.replace('@@', ' ' * (indent + step))}\n"
        return f"{head} {word}{draw(COMMENTS)}\n"
    if kind == "map":
        return f"{head}{draw(COMMENTS)}\n" + mapping(draw, indent + step, depth - 1, step)
    inner = indent + draw(st.sampled_from([0, 2, step]))
    return f"{head}{draw(COMMENTS)}\n" + "".join(
        item(draw, inner, depth) for _ in range(draw(st.integers(1, 3)))
    )


def item(draw: st.DrawFn, indent: int, depth: int) -> str:
    word = draw(WORDS.filter(lambda word: "@@" not in word))
    if depth > 1 and draw(st.booleans()):
        return " " * indent + "- k: " + word + "\n" + " " * (indent + 2) + "other: 1\n"
    return f"{draw(ABOVE)}{' ' * indent}- {word}{draw(COMMENTS)}\n"


SERVICE = st.recursive(
    st.sampled_from(["vllm", "on", "8000", "a: b", "", 7, True, None, "x # y", "- z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["image", "command", "deploy", "yes"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every mapping of a document, by its path."""
    if not isinstance(value, dict):
        return []
    inner = [place for name in value for place in places(value[name], (*path, name))]
    return [path, *inner] if value else inner


@given(documents(), st.data(), SERVICE)
def test_what_was_added_to_a_mapping_can_be_taken_back(
    text: str, data: st.DataObject, value: Any
) -> None:
    said = read(text, "f")
    place = (*data.draw(st.sampled_from(places(said))), "added")
    longer = edited(text, "f", lambda now: put(now, place, value))
    assert read(longer, "f") == put(said, place, value)
    assert edited(longer, "f", lambda now: put(now, place, value)) == longer  # twice is once
    assert edited(longer, "f", lambda now: without(now, place)) == text


@given(documents(), st.data())
def test_an_addition_is_one_piece_and_the_rest_is_as_it_was(text: str, data: st.DataObject) -> None:
    place = (*data.draw(st.sampled_from(places(read(text, "f")))), "added")
    longer = edited(text, "f", lambda now: put(now, place, {"image": "x", "command": ["a"]}))
    grown = len(longer) - len(text)
    assert any(text[:i] + longer[i : i + grown] + text[i:] == longer for i in range(len(text) + 1))


def lists(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every list of a document that a path of keys leads to."""
    if isinstance(value, list):
        return [path]
    named = value.items() if isinstance(value, dict) else ()
    return [place for name, one in named for place in lists(one, (*path, name))]


@given(documents(), st.data())
def test_what_was_added_to_a_list_can_be_taken_back(text: str, data: st.DataObject) -> None:
    said = read(text, "f")
    if not lists(said):
        return
    place = data.draw(st.sampled_from(lists(said)))
    longer = edited(text, "f", lambda now: put(now, place, [*at(now, place), "org/model"]))
    assert at(read(longer, "f"), place) == [*at(said, place), "org/model"]
    shorter = edited(longer, "f", lambda now: put(now, place, at(now, place)[:-1]))
    assert shorter == text


@given(documents(), SERVICE)
def test_any_wish_is_met_or_refused(text: str, wanted: Any) -> None:
    goal = {"services": wanted, "web": deepcopy(wanted)}
    try:
        found = edited(text, "f", lambda _: goal)
    except CannotEdit:
        return
    assert read(found, "f") == goal


@given(documents())
def test_what_we_read_is_what_others_read(text: str) -> None:
    assert set(read(text, "f")) == set(yaml.safe_load(text))


@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"\n\r\t ?,%@`1~"), max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    goal = {"z": 1}
    try:
        assert read(edited(text, "f", lambda _: goal), "f") == goal
    except (BrokenYaml, CannotEdit) as refused:
        assert isinstance(refused, CannotEdit) or "line" in refused.what  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: 1\nb: [1, 2\nc: 3\n", 3, 2), ("a: 1\na: 2\n", 2, 1), ("a:\n\t- b\n", 2, 1),
     ("a: *nobody\n", 1, 4), ("a: 'x\n", 2, 1)],
)  # fmt: skip
def test_what_is_not_yaml_is_refused_by_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(BrokenYaml) as refused:
        edited(text, "compose.yaml", lambda now: now)
    assert (refused.value.facts["line"], refused.value.facts["column"]) == (line, column)
    assert "compose.yaml" in refused.value.what


def test_several_documents_are_refused() -> None:
    with pytest.raises(CannotEdit, match="2 YAML documents"):
        edited("a: 1\n---\nb: 2\n", "f", lambda now: put(now, ("c",), 1))


def test_anchors_merges_and_tags_stay() -> None:
    text = (
        "x-base: &base {restart: 'no'}\nservices:\n  web:\n    <<: *base\n"
        "    ports: !override\n    - '80:80'\n"
    )
    added = edited(text, "f", lambda now: put(now, ("services", "llm"), {"image": "i"}))
    assert added == text + "  llm:\n    image: i\n"


def test_the_comments_at_the_end_of_an_entry_stay_its_own() -> None:
    text = "services:\n  a:\n    image: x\n    # about a\n  # about all\nvolumes: {}\n"
    added = edited(text, "f", lambda now: put(now, ("services", "b"), {"image": "y"}))
    assert added == text.replace("  # about all", "  b:\n    image: y\n  # about all")
    taken = edited(text, "f", lambda now: without(now, ("services", "a")))
    assert taken == "services: {}\n  # about all\nvolumes: {}\n"


def test_the_diff_is_one_that_patch_takes() -> None:
    assert unified("f", "a\nb", "a\nb\nc\n").splitlines() == [
        "--- f", "+++ f (new)", "@@ -1,2 +1,3 @@", " a", "-b", "\\ No newline at end of file",
        "+b", "+c",
    ]  # fmt: skip
    assert unified("f", "same\n", "same\n") == ""
