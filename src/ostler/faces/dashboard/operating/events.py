"""What happened, as rows; and which of it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ostler.faces.dashboard.parts import badges
from ostler.faces.dashboard.parts.tables import Column, Row
from ostler.faces.dashboard.parts.words import clock, duration, file_size, memory
from ostler.faces.dashboard.tree import Child, h

COLUMNS = (Column("Time (UTC)"), Column("What"), Column("Of"), Column("By"),
           Column("Why, and how much", wide=True))  # fmt: skip
PERIODS = ((1, "the last hour"), (24, "the last day"), (168, "the last week"), (720, "30 days"))
# Acts that belong together, by the word of the filter; what is in none is in "all" alone.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "models": ("Loads and unloads", ("load", "unload", "evict", "fail")),
    "evict": ("Evictions", ("evict",)),
    "fail": ("Failures", ("fail",)),
    "files": (
        "Downloads and files",
        ("pull", "rm", "undo", "archive", "unarchive", "verify", "repair", "gc", "import"),
    ),
    "keys": ("Keys", ("key.create", "key.rotate", "key.revoke")),
    "api": ("Changes by the API", ("api", "sync")),
}
WORDS = {
    "load": "loaded", "unload": "unloaded", "evict": "evicted", "fail": "failed", "pull": "pulled",
    "rm": "removed", "undo": "brought back", "key.create": "key made", "key.rotate": "key replaced",
    "key.revoke": "key ended", "api": "changed", "sync": "synced",
}  # fmt: skip
KINDS = {"load": "good", "evict": "warn", "fail": "bad", "pull": "good", "key.revoke": "warn"}
OF_MODELS = ("load", "unload", "evict", "fail")


def wanted(events: Iterable[Mapping[str, Any]], group: str, text: str) -> list[Mapping[str, Any]]:
    """Return the events of a group that have a text in what they are of, by whom or why."""
    acts = GROUPS[group][1] if group in GROUPS else ()
    sought = text.strip().lower()
    return [
        one
        for one in events
        if (not acts or one["act"] in acts)
        and any(sought in one[name].lower() for name in ("subject", "actor", "why", "act"))
    ]


def rows(events: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return events as rows, in their order."""
    return [_row(one) for one in events]


def _row(one: Mapping[str, Any]) -> Row:
    failed = one["outcome"] != "done"
    word = WORDS.get(one["act"], one["act"])
    kind = "bad" if failed else KINDS.get(one["act"], "plain")
    return Row(
        str(one["id"]),
        (
            h("time.num.nowrap", clock(one["at"]), datetime=one["at"]),
            badges.state(
                f"{word}, {one['outcome']}" if failed and word != "failed" else word, kind
            ),
            _subject(one),
            one["actor"],
            h("span.muted", _more(one)),
        ),
    )


def _subject(one: Mapping[str, Any]) -> Child:
    if one["act"] in OF_MODELS:
        model = one["subject"].partition("~")[0]
        link = f"/dashboard/deployments?{urlencode({'model': model})}"
        return h("a", one["subject"], href=link)
    return h("code", one["subject"]) if one["act"] == "api" else one["subject"]


def _more(one: Mapping[str, Any]) -> Child:
    """Say why it happened, and where, and how much it was."""
    facts = dict(one["facts"])
    said = [str(one["why"])] if one["why"] else []
    device, size, took = (facts.pop(name, None) for name in ("device", "bytes", "seconds"))
    if device and one["act"] in OF_MODELS:
        said.append(f"On {device}" + (f", with {memory(size)}." if size else "."))
    elif size:
        said.append(file_size(size) + (f" in {duration(took)}." if took is not None else "."))
    said += [f"{name} {value}" for name, value in facts.items() if _plain(value)]
    return " ".join(said) or None


def _plain(value: object) -> bool:
    return isinstance(value, (int, float, str)) and value not in ("", False)
