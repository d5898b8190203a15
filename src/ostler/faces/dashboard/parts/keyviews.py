"""Keys as rows, forms and sentences; pure. A key itself is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.errors import OstlerError, UsageError
from ostler.faces.dashboard.parts import badges, panels, words
from ostler.faces.dashboard.parts.tables import Column, Row, first, pager, table
from ostler.faces.dashboard.playing.chat import whole
from ostler.faces.dashboard.tree import Node, Tag, act, h

LIMITS = {
    "requests_per_minute": "Requests a minute",
    "concurrent": "Requests at once",
    "tokens_per_day": "Tokens a day",
}
COLUMNS = (
    Column("Name"), Column("Role"), Column("May use"), Column("Limits"),
    Column("Tokens today", right=True), Column("Last used"), Column("Made"),
    Column("What to do", hidden=True, right=True),
)  # fmt: skip
MAY = (
    ("Ask the models that the key names", "yes", "yes"),
    ("See those models, and the metrics", "yes", "yes"),
    ("Load, unload, pull and remove models", "no", "yes"),
    ("Read logs and history, make and end keys", "no", "yes"),
)
PAGE = 50  # rows


def keys(shown: Sequence[Mapping[str, Any]], at: int, own: str) -> Node:
    """Return the table of keys from row `at` on; `own` is the name of the reader's own key."""
    at = first(at, len(shown), PAGE)
    rows = [_row(key, own) for key in shown[at : at + PAGE]]
    return h("div", table(COLUMNS, rows, label="Keys"), pager(at, len(shown), size=PAGE))


def _row(key: Mapping[str, Any], own: str) -> Row:
    ended = key["revoked_at"] is not None
    name = key["name"]
    cells = (
        h("span", name, h("span.muted", " (yours)") if name == own and not ended else None),
        h("span.row", key["role"], badges.state("ended", "plain") if ended else None),
        "all models" if key["models"] == ["*"] else ", ".join(key["models"]),
        limits(key),
        f"{key['tokens_today']:,}",
        key["last_used"] or "never",
        words.clock(key["created_at"])[:10],
        None if ended else _buttons(name),
    )
    return Row(f"{name} {key['created_at']} {key['revoked_at']}", cells)


def _buttons(name: str) -> Tag:
    return h(
        "span.row.end",
        h("button.small", "Rotate", type="button", aria_label=f"Rotate {name}",
          on_click=act("rotate", name=name)),
        h("button.small", "Revoke", type="button", aria_label=f"Revoke {name}",
          on_click=act("revoke", name=name)),
    )  # fmt: skip


def limits(key: Mapping[str, Any]) -> str:
    """Return a key's limits in words."""
    short = {
        "requests_per_minute": "a minute",
        "concurrent": "at once",
        "tokens_per_day": "tokens a day",
    }
    found = [f"{key[name]:,} {word}" for name, word in short.items() if key[name] is not None]
    return ", ".join(found) or "none"


def form(times: int, first: bool, wrong: OstlerError | None) -> Tag:
    """Return the form for a new key; the first key of a server is an operator's."""
    roles = ("operator",) if first else ("user", "operator")
    return panels.panel(
        "Make a key",
        h("p", h("strong", "From the first key on, every caller needs one"),
          ", programs on this machine and this page too. You will be asked to sign in with it.")
        if first else None,
        panels.notice(f"{wrong.what} {wrong.hint}".strip(), "bad") if wrong else None,
        h(
            "form.fields",
            h("label.field", h("span", "Name"),
              h("input", type="text", name="name", required=True, maxlength="64",
                autocomplete="off", placeholder="anna", spellcheck="false")),
            h("label.field", h("span", "Role"),
              h("select", [h("option", role, value=role) for role in roles], name="role")),
            h("label.field", h("span", "Models it may use"),
              h("input", type="text", name="models", placeholder="all, or Qwen/*",
                autocomplete="off", spellcheck="false")),
            [
                h("label.field.narrow", h("span", title),
                  h("input", type="text", inputmode="numeric", name=name, placeholder="no limit",
                    autocomplete="off"))
                for name, title in LIMITS.items()
            ],
            h("button.primary", "Make the key", type="submit"),
            on_submit=act("create"),
            key=times,
        ),
        key="form",
    )  # fmt: skip


def wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the form as the API takes it. Raises UsageError."""
    name = str(given.get("name", "")).strip()
    if not name:
        raise UsageError("A key needs a name.", hint="Whose it is, or what for.")
    patterns = str(given.get("models", "")).replace(",", " ").split()
    limited = {limit: whole(given, limit, 1, 2**31 - 1) for limit in LIMITS}
    return {"name": name, "role": str(given.get("role", "user")), "models": patterns or ["*"],
            **limited}  # fmt: skip


def once(name: str, key: str, ours: bool) -> Tag:
    """Show a key, the only time; `ours` is one that this browser must sign in with now."""
    done, does = ("Sign in with it", "enter") if ours else ("I have kept it", "seen")
    return panels.panel(
        f"The key of {name}",
        h("p", "Copy it now: it is shown this once, and only its hash is kept."),
        panels.commanded(key),
        h("div.buttons", h("button.primary", done, type="button", on_click=act(does))),
        key="once",
    )  # fmt: skip


def roles() -> Tag:
    """Say what the roles may do."""
    columns = (Column("What", hidden=True, wide=True), Column("user"), Column("operator"))
    return panels.panel(
        "What the roles may do",
        table(columns, [Row(what, (what, user, op)) for what, user, op in MAY], label="Roles"),
        key="roles",
    )


def none() -> Tag:
    """Say what it means that there is no key."""
    return panels.empty(
        "This server needs no key",
        "It listens for this machine alone, and every program on it may operate it. "
        "Make a key to let others in, or to tell callers apart.",
        command="ostler keys create NAME --role operator",
    )
