"""What a model writes becomes text, lists and code, and never a tag or a link of its own making."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.dashboard.parts.markdown import LINK, markdown
from ostler.faces.dashboard.tree import Node, Tag, html

KNOWN = {
    "div",
    "p",
    "span",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "hr",
    "br",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "a",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "button",
}
PIECES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[b](https://x.example/y)",
    "![c](https://x.example/p.png)",
    "![d](data:image/svg+xml,<svg/>)",
    "<https://x.example>",
    "[e](//x.example)",
    "[f](/dashboard/signout)",
    "# t",
    "- i",
    "1. j",
    "> q",
    "```html\n<b>\n```",
    "`<i>`",
    "|a|b|\n|-|-:|\n|1|2|",
    "**b**",
    "~~s~~",
    "\\",
    "&lt;&#x3c;",
    "  \n",
    "[g]: javascript:alert(1)\n\n[g]",
    "<a href=javascript:1>",
    "\x00",
    "\n\n",
    " ",
    "x",
    "-->",
    "]]>",
)


def tags(node: Node) -> Iterator[Tag]:
    if isinstance(node, Tag):
        yield node
        for child in node.children:
            yield from tags(child)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=12).map("".join))
def test_nothing_comes_out_but_what_is_known(text: str) -> None:
    for tag in tags(markdown(text)):
        assert tag.name in KNOWN
        assert not any(name.startswith("on") for name in tag.attrs)
        if tag.name == "a":
            assert LINK.fullmatch(str(tag.attrs["href"]))
            assert tag.attrs["rel"] == "noopener noreferrer nofollow"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# A\n\n*b* **c**", "<h3>A</h3><p><em>b</em> <strong>c</strong></p>"),
        ("- a\n- b", "<ul><li><span>a</span></li><li><span>b</span></li></ul>"),
        ("3. a", '<ol start="3"><li><span>a</span></li></ol>'),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("![a cat](https://x.example/c.png)", ">image: a cat</a>"),
        ("[x](/dashboard/signout)", "<p><span>x</span></p>"),
        ("|a|\n|-:|\n|1|", '<td class="right">1</td>'),
        ("```python\nx < 1\n```", "<pre tabindex=\"0\"><code>x &lt; 1</code></pre>"),
        ("an open fence\n```\nx", "<code>x</code>"),
    ],
)  # fmt: skip
def test_it_reads_as_it_was_meant(text: str, shown: str) -> None:
    assert shown in html(markdown(text))
