"""Tables that become rows of label and value on a phone, and pages of them where they are long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ostler.faces.dashboard.tree import Child, Tag, act, h

PAGE = 50  # rows


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title; `right` for numbers, `wide` for what may take the room there is."""

    title: str
    right: bool = False
    wide: bool = False
    hidden: bool = False  # its title is for screen readers alone, such as that of buttons


def finder(label: str, text: str) -> tuple[Tag, Tag]:
    """Return the field that finds rows by what is typed: the page's `do_find` is told."""
    return (
        h("label.visually-hidden", label, for_="find"),
        h("input#find", type="search", placeholder=label, value=text, on_input=act("find"),
          data_wait=200),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what tells it from others, its cells, and what is said under it over its width."""

    key: str
    cells: Sequence[Child]
    under: Child = None


def table(columns: Sequence[Column], rows: Iterable[Row], *, label: str) -> Tag:
    """Return a table; `label` says to screen readers what it is of."""
    titles = [
        h("th", h("span.visually-hidden", one.title) if one.hidden else one.title,
          class_=_class(one), scope="col")
        for one in columns
    ]  # fmt: skip
    bodies = [h("tbody", _row(columns, row), _under(columns, row), key=row.key) for row in rows]
    return h(
        "table.table", h("caption.visually-hidden", label), h("thead", h("tr", titles)), bodies
    )


def _row(columns: Sequence[Column], row: Row) -> Tag:
    cells = [
        h("th" if at == 0 else "td", cell, class_=_class(column), scope="row" if at == 0 else None,
          data_label=None if column.hidden else column.title)
        for at, (column, cell) in enumerate(zip(columns, row.cells, strict=True))
    ]  # fmt: skip
    return h("tr", cells)


def _under(columns: Sequence[Column], row: Row) -> Tag | None:
    if row.under is None:
        return None
    return h("tr.under", h("td", row.under, colspan=len(columns)))


def _class(column: Column) -> str | None:
    return " ".join(name for name in ("right", "wide") if getattr(column, name)) or None


def first(at: int, total: int, size: int = PAGE) -> int:
    """Return the first row to show: there may be fewer rows than when one turned to it."""
    return max(0, min(at, (total - 1) // size * size))


def pager(at: int, total: int, *, size: int = PAGE, name: str = "page") -> Tag | None:
    """Return buttons to the rows before and after; None where all are shown.

    They ask the page for `do_<name>(at=...)`, `at` being the number of the first row to show.
    """
    if total <= size:
        return None
    at = first(at, total, size)
    return h(
        "div.pager",
        h("button", "Earlier rows", type="button", disabled=at <= 0,
          on_click=act(name, at=max(at - size, 0))),
        h("span.muted", f"{at + 1} to {min(at + size, total)} of {total}"),
        h("button", "Later rows", type="button", disabled=at + size >= total,
          on_click=act(name, at=at + size)),
        role="group",
        aria_label="Rows",
    )  # fmt: skip
