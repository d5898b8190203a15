"""Trees: what the browser is told makes one into another, and nothing becomes a tag by itself."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.dashboard.tree import Act, Node, Tag, act, difference, h, html, packed

TEXTS = st.text(max_size=8)
ATTRS = st.dictionaries(
    st.sampled_from(["class", "title", "on-click"]),
    st.one_of(TEXTS, st.builds(Act, TEXTS, st.dictionaries(TEXTS, st.integers(), max_size=1))),
    max_size=2,
).map(lambda attrs: {k: v for k, v in attrs.items() if (k == "on-click") == isinstance(v, Act)})
NODES: st.SearchStrategy[Node] = st.recursive(
    TEXTS,
    lambda inner: st.builds(
        Tag,
        st.sampled_from(["div", "p", "tr"]),
        ATTRS,
        st.lists(inner, max_size=5).map(tuple),
        st.sampled_from(["", "a", "b", "c"]),
    ),
    max_leaves=25,
)


def applied(tree: Any, ops: list[Any]) -> Any:
    """Do what `tree.js` does."""
    tree = copy.deepcopy(tree)
    for kind, path, *rest in ops:
        if kind == "node" and not path:
            tree = rest[0]
            continue
        at = tree
        for place in path[:-1] if kind == "node" else path:
            at = at[2][place]
        if kind == "node":
            at[2][path[-1]] = rest[0]
        elif kind == "attrs":
            at[1], at[3] = rest
        else:
            start, count, nodes = rest
            at[2][start : start + count] = nodes
    return tree


@given(NODES, NODES)
def test_the_difference_makes_one_tree_into_the_other(old: Node, new: Node) -> None:
    assert applied(packed(old), difference(old, new)) == packed(new)


ROWS = st.lists(
    st.sampled_from([h("p", "a"), h("p", "b"), h("p", "a", key="k"), h("td", "a"), "text", "t"]),
    max_size=6,
)


@given(ROWS, ROWS)
def test_children_that_come_and_go_are_exchanged(old: list[Node], new: list[Node]) -> None:
    before, after = h("div", old), h("div", new)
    assert applied(packed(before), difference(before, after)) == packed(after)


@given(NODES)
def test_what_is_the_same_needs_nothing(tree: Node) -> None:
    assert difference(tree, copy.deepcopy(tree)) == []


def test_a_new_row_at_the_top_is_one_splice() -> None:
    rows = [h("tr", str(n), key=n) for n in range(100)]
    ops = difference(h("table", rows), h("table", h("tr", "new", key="new"), rows))
    assert [op[0] for op in ops] == ["splice"]
    assert ops[0][2:4] == [0, 0]
    assert len(ops[0][4]) == 1


@given(st.text())
def test_no_text_becomes_a_tag(text: str) -> None:
    shown = html(h("p", text, title=text))
    assert shown.count("<") == 2
    assert shown.startswith("<p")
    assert shown.endswith("</p>")


@pytest.mark.parametrize(
    "attrs",
    [
        {"href": "javascript:alert(1)"},
        {"href": " javascript:alert(1)"},
        {"href": "//elsewhere.example"},
        {"src": "data:text/html,x"},
        {"action": "ftp://x"},
        {"innerHTML": "<b>"},
        {"onclick": "alert(1)"},
        {"on_click": "alert(1)"},
        {"srcdoc": "<b>"},
        {"title": act("x")},
    ],
)
def test_what_could_run_a_program_is_refused(attrs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no"):
        h("a", "x", **attrs)


def test_children_that_are_nothing_are_left_out() -> None:
    assert h("p", None, False, "a", [1, [2.5, None]], hidden=False, open=True) == Tag(
        "p", {"open": ""}, ("a", "1", "2.5")
    )
