"""States as words in colour."""

from __future__ import annotations

from ostler.faces.dashboard.tree import Tag, h

# of models, downloads, keys and events; a state that is not here is plain
KINDS = {
    "ready": "good", "available": "good", "ok": "good", "done": "good", "in force": "good",
    "sizing": "busy", "starting": "busy", "loading": "busy", "waking": "busy", "requested": "busy",
    "downloading": "busy", "draining": "busy", "stopping": "busy", "running": "busy",
    "failed": "bad", "damaged": "bad", "revoked": "bad", "expired": "bad",
    "warn": "warn", "cancelled": "warn", "gated": "warn",
}  # fmt: skip


def state(word: str, kind: str | None = None) -> Tag:
    """Return a state's badge: the word, and a colour that says it again."""
    return h(f"span.badge.{kind or KINDS.get(word, 'plain')}", word)
