"""A model's answer as a tree. It is Markdown of a stranger: nothing of it is ever read as HTML.

Raw HTML stays the text that it is, a link leads only to http and https, and an image is a link,
so that reading an answer asks nothing of anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ostler.faces.dashboard.tree import Node, Tag, h

LINK = re.compile(r"https?://[^\s\"'<>]+")
READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
SAME = {
    "strong": "strong", "em": "em", "s": "s", "blockquote": "blockquote", "bullet_list": "ul",
    "list_item": "li", "hr": "hr", "thead": "thead", "tbody": "tbody", "tr": "tr",
    "hardbreak": "br",
}  # fmt: skip


@lru_cache(maxsize=256)
def markdown(text: str) -> Tag:
    """Return a text's tree."""
    return h("div.markdown", _inside(SyntaxTreeNode(READER.parse(text))))


def _inside(node: SyntaxTreeNode) -> list[Node]:
    return [made for child in node.children for made in _made(child)]


def _made(node: SyntaxTreeNode) -> list[Node]:
    if node.type in SAME:
        return [h(SAME[node.type], _inside(node))]
    maker = MAKERS.get(node.type)
    if maker is not None:
        return [maker(node)]
    return _inside(node) if node.children else [node.content]


def _paragraph(node: SyntaxTreeNode) -> Node:
    return h("span" if node.hidden else "p", _inside(node))  # hidden: in a list without gaps


def _heading(node: SyntaxTreeNode) -> Node:
    return h(f"h{min(int(node.tag[1:]) + 2, 6)}", _inside(node))  # the page has the first two


def _code(node: SyntaxTreeNode) -> Node:
    text = node.content.rstrip("\n")
    return code(text, node.info.split()[0] if node.info.strip() else "")


def _link(node: SyntaxTreeNode) -> Node:
    return linked(str(node.attrs.get("href", "")), _inside(node))


def _image(node: SyntaxTreeNode) -> Node:
    return linked(str(node.attrs.get("src", "")), [f"image: {node.content or 'without a name'}"])


def _list(node: SyntaxTreeNode) -> Node:
    return h("ol", _inside(node), start=node.attrs.get("start"))


def _table(node: SyntaxTreeNode) -> Node:
    return h("div.scroll", h("table", _inside(node)), tabindex="0")


def _cell(node: SyntaxTreeNode) -> Node:
    right = "right" in str(node.attrs.get("style", ""))
    return h(node.type, _inside(node), class_="right" if right else None)


MAKERS: dict[str, Callable[[SyntaxTreeNode], Node]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "fence": _code,
    "code_block": _code,
    "code_inline": lambda node: h("code", node.content),
    "link": _link,
    "image": _image,
    "ordered_list": _list,
    "table": _table,
    "th": _cell,
    "td": _cell,
    "softbreak": lambda _: "\n",
}


def linked(target: str, inside: list[Node]) -> Node:
    """Return a link to another site; text that cannot lead there stays text."""
    if not LINK.fullmatch(target):
        return h("span", inside)
    return h("a", inside, href=target, target="_blank", rel="noopener noreferrer nofollow")


def code(text: str, language: str = "") -> Tag:
    """Return a block of code with a button that copies it."""
    return h(
        "div.code",
        h(
            "div.head",
            h("span.muted", language or "code"),
            h("button.ghost.copy", "Copy", type="button", data_do="copy", data_text=text,
              aria_label="Copy the code"),
        ),
        h("pre", h("code", text), tabindex="0"),
    )  # fmt: skip
