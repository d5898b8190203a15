"""Facts as a list of label and value."""

from __future__ import annotations

from collections.abc import Iterable

from ostler.faces.dashboard.tree import Child, Tag, h

LONG = 32  # characters from which a value takes the whole width


def facts(pairs: Iterable[tuple[str, Child]]) -> Tag:
    """Return labels and values; a value of None or an empty text is left out with its label."""
    shown = [(label, value) for label, value in pairs if value not in (None, "", False)]
    return h("dl.facts", [_fact(label, value) for label, value in shown])


def _fact(label: str, value: Child) -> Tag:
    long = not isinstance(value, (int, float)) and (not isinstance(value, str) or len(value) > LONG)
    return h("div.long" if long else "div", h("dt", label), h("dd", value), key=label)
