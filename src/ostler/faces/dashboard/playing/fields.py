"""Fields and buttons of the playground's forms; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.faces.dashboard.playing.models import Asked
from ostler.faces.dashboard.playing.snippets import curl, python
from ostler.faces.dashboard.tree import Act, Tag, act, h


def choice(label: str, models: Sequence[Asked], picked: str, chosen: Act) -> Tag:
    """Return a list to choose a model from; one that is gone is still named."""
    ids = [model.id for model in models]
    gone = [] if picked in ids else [h("option", f"{picked} (gone)", value=picked, selected=True)]
    return h(
        "label.field.choice",
        h("span", label),
        h(
            "select",
            gone,
            [h("option", id, value=id, selected=id == picked, key=id) for id in ids],
            name="model",
            on_change=chosen,
            key=picked,
        ),
    )


def numeral(title: str, name: str, given: Mapping[str, Any], step: str, empty: str) -> Tag:
    """Return a field for a number that may be left empty, and says what that means."""
    return h(
        "label.field",
        h("span", title),
        h("input", type="text", inputmode="decimal" if "." in step else "numeric", name=name,
          value=str(given.get(name) or ""), placeholder=empty, autocomplete="off",
          on_change=act("set", field=name)),
    )  # fmt: skip


def snippets(address: str, path: str, body: Mapping[str, Any], has_key: bool) -> Tag:
    """Return buttons that copy the request as a program."""
    return h(
        "div.snippets",
        h("span.muted", "The same request:"),
        _copy("Copy as curl", curl(address, path, body, has_key)),
        _copy("Copy as Python", python(address, path, body, has_key)),
        key="snippets",
    )


def _copy(title: str, text: str) -> Tag:
    return h("button.small.copy", title, type="button", data_do="copy", data_text=text)
