"""How vectors and scores look; pure."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.faces.dashboard.parts import badges, panels, words
from ostler.faces.dashboard.playing.fields import choice, snippets
from ostler.faces.dashboard.playing.models import Asked, found, said_of
from ostler.faces.dashboard.playing.playing import Lines
from ostler.faces.dashboard.playing.vectors import Embedded, Ranked
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

SHOWN = 6  # numbers of a vector


def embeddings(lines: Lines, models: Sequence[Asked], address: str, has_key: bool) -> Node:
    """Return the form for embeddings and what came of it."""
    body = {"model": lines.model, "input": [one for one in lines.text.splitlines() if one.strip()]}
    form = h(
        "form.panel.lines",
        _head(lines, models, "embed"),
        _area("Lines, each of which gets a vector", "text", lines.text),
        _button("Compare the lines", lines.busy),
        on_submit=act("embed"),
        key="form",
    )
    result = _vectors(lines.embedded) if lines.embedded else None
    copies = snippets(address, "/v1/embeddings", body, has_key)
    return h("div.stack", form, _status(lines), result, copies, key="embed")


def reranking(lines: Lines, models: Sequence[Asked], address: str, has_key: bool) -> Node:
    """Return the form for reranking and what came of it."""
    documents = [one for one in lines.text.splitlines() if one.strip()]
    body = {"model": lines.model, "query": lines.query, "documents": documents}
    form = h(
        "form.panel.lines",
        _head(lines, models, "rerank"),
        h("label.field.wide", h("span", "Query"),
          h("input", type="text", name="query", value=lines.query, required=True)),
        _area("Documents, one on each line", "text", lines.text),
        _button("Rank the documents", lines.busy),
        on_submit=act("rerank"),
        key="form",
    )  # fmt: skip
    result = _scores(lines.ranked) if lines.ranked else None
    copies = snippets(address, "/v1/rerank", body, has_key)
    return h("div.stack", form, _status(lines), result, copies, key="rerank")


def _head(lines: Lines, models: Sequence[Asked], kind: str) -> Child:
    model = found(models, lines.model)
    about = said_of(model)
    return [
        h("div.head", choice("Model", models, lines.model, act("pick", kind=kind)),
          badges.state(model.word) if model else None),
        h("p.muted.about", about) if about else None,
    ]  # fmt: skip


def _area(title: str, name: str, text: str) -> Tag:
    return h("label.field.wide", h("span", title),
             h("textarea", text, name=name, rows="6", required=True))  # fmt: skip


def _button(title: str, busy: bool) -> Tag:
    return h("div.buttons", h("button.primary", title, type="submit", disabled=busy))


def _status(lines: Lines) -> Node | None:
    if lines.busy:
        return h("p.waiting", "Waiting for the answer; a model that is not loaded is loaded first.",
                 role="status", key="status")  # fmt: skip
    if lines.wrong:
        said = f"{lines.wrong.what} {lines.wrong.hint}".strip()
        return h("div", panels.notice(said, "bad"), role="alert", key="status")
    return None


def _vectors(one: Embedded) -> Tag:
    tokens = f", {one.tokens:,} tokens" if one.tokens is not None else ""
    numbers = [str(number) for number in range(1, len(one.lines) + 1)]
    head = h("tr", h("th", "Line", scope="col"),
             [h("th.right", number, scope="col") for number in numbers])  # fmt: skip
    rows = [
        h("tr", h("th", h("span.muted", f"{number} "), line, scope="row"),
          [_cosine(value) for value in values])
        for number, line, values in zip(numbers, one.lines, one.table(), strict=True)
    ]  # fmt: skip
    return panels.panel(
        "How near the lines are",
        h("p", f"Vectors of {one.size} numbers each, in {words.span(one.seconds)}{tokens}. "
          "The cosine is 1 for the same direction, 0 for unrelated ones."),
        h("div.scroll",
          h("table.cosines", h("caption.visually-hidden", "Cosine of each line with each"),
            h("thead", head), h("tbody", rows)), tabindex="0"),
        h("details", h("summary", "The vectors"),
          [h("p.vector", h("span.muted", f"{number} "), h("code", _begun(vector)))
           for number, vector in zip(numbers, one.vectors, strict=True)]),
        key="vectors",
    )  # fmt: skip


def _cosine(value: float) -> Tag:
    """A number in front of a colour that is the stronger the nearer two lines are."""
    strength = max(0, min(10, round(value * 10)))
    return h("td.right", f"{value:.2f}", data_near=str(strength))


def _begun(vector: Sequence[float]) -> str:
    more = ", ..." if len(vector) > SHOWN else ""
    return "[" + ", ".join(f"{value:.4f}" for value in vector[:SHOWN]) + more + "]"


def _scores(one: Ranked) -> Tag:
    rows = [
        h(
            "li",
            h("span.score", f"{found.score:.3f}"),
            h("meter", f"{found.score:.3f}", min="0", max="1", value=f"{found.score:.4f}",
              aria_label=f"Score of document {found.index + 1}"),
            h("span", found.document),
            h("span.muted", f"line {found.index + 1}"),
            key=found.index,
        )
        for found in one.found
    ]  # fmt: skip
    return panels.panel(
        "Best first",
        h(
            "p",
            f"For \u201c{one.query}\u201d, in {words.span(one.seconds)}. Scores are from 0 to 1.",
        ),
        h("ol.scores", rows),
        key="scores",
    )  # fmt: skip
