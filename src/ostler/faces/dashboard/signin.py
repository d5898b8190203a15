"""The page where a key is shown once: plain HTML, no program of ours runs before that."""

from __future__ import annotations

from ostler.faces.dashboard.tree import h, html

WHY = {
    "ended": "Your session has ended: the key was revoked, or the server was restarted.",
    "out": "You are signed out.",
}
UNKNOWN = "No key of this server is like this. `ostler keys ls` shows their names."
TICKET_USED = (
    "This link has been used, or is older than a minute. `ostler dashboard` makes another."
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",  # with none a form of ours would come from nowhere
    "X-Content-Type-Options": "nosniff",
}
TOP = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
)
BASE = "/dashboard"


def page(said: str, to: str) -> str:
    """Return the page; `said` is what has happened, `to` where to go then."""
    body = h(
        "main.signin",
        h("h1", "Ostler"),
        h("p.notice", said, role="alert") if said else None,
        h(
            "form",
            h("label", "Your key", for_="key"),
            h("input#key", name="key", type="password", autocomplete="current-password",
              required=True, autofocus=True, spellcheck="false"),
            h("input", name="to", type="hidden", value=to),
            h("button.primary", "Sign in", type="submit"),
            method="post",
            action=f"{BASE}/signin",
        ),
        h("p.muted", "On the server's own machine nothing needs to be typed: ",
          h("code", "ostler dashboard"), " opens this with a key of its own. ",
          h("code", "ostler keys create NAME"), " makes one for somebody else."),
    )  # fmt: skip
    return f"{head('Sign in · Ostler')}<body>{html(body)}</body></html>"


def head(title: str, more: str = "") -> str:
    """Return what stands before the body of a page that needs none of our programs."""
    return (
        f"{TOP}{html(h('title', title))}{more}"
        f'<link rel="icon" href="{BASE}/own/mark.svg"><script src="{BASE}/own/theme.js"></script>'
        f'<link rel="stylesheet" href="{BASE}/own/style.css"></head>'
    )


def once_more(to: str) -> str:
    """Return a page that asks for the address again, as a page of our own."""
    link = html(h("a", "Go on to the dashboard", href=to))
    again = html(h("meta", http_equiv="refresh", content=f"0; url={to}"))
    return f"{TOP}<title>Ostler</title>{again}</head><body>{link}</body></html>"
