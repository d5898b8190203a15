"""Make a text say something else by as few splices as it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ostler.core.editing.steps import next_splices
from ostler.core.editing.tree import parse
from ostler.errors import BrokenYaml, CannotEdit

MOST = 2000  # splices of one edit; far more than any file of ours needs
BOM = "\ufeff"
NOTHING = object()


def read(text: str, name: str) -> Any:
    """Return what the text says, aliases resolved, merges left as the key `<<`.

    Raises BrokenYaml with line and column, CannotEdit for several documents.
    """
    node = parse(text.removeprefix(BOM), name)
    return node.data if node else None


def edited(text: str, name: str, change: Callable[[Any], Any]) -> str:
    """Return the text that says what `change` makes of what it says; the rest byte for byte.

    The result is read again, and returned only if it says just that. Raises BrokenYaml for a
    text that is not YAML, CannotEdit where no edit by position does it.
    """
    bom = BOM if text.startswith(BOM) else ""
    body = text.removeprefix(BOM)
    wanted = change(read(body, name))
    seen: Any = NOTHING
    for _ in range(MOST):
        node = _reparsed(body, text, name)
        splices = next_splices(body, node, wanted)
        if not splices:
            return bom + body
        if node and node.data == seen:
            break
        seen = node.data if node else NOTHING
        for start, end, words in sorted(splices, reverse=True):
            body = body[:start] + words + body[end:]
    raise CannotEdit(
        f"{name} is written in a way that no edit by position does.",
        hint="Nothing was changed. Make the change by hand.",
    )


def _reparsed(body: str, text: str, name: str) -> Any:
    try:
        return parse(body, name)
    except BrokenYaml as error:
        if body == text.removeprefix(BOM):
            raise
        raise CannotEdit(
            f"{name} is written in a way that this change would break: {error.what}",
            hint="Nothing was changed. Make the change by hand.",
        ) from None
