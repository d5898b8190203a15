"""The hub: a search, what it found, and what a pull of one would do before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ostler.errors import AuthRequired, GatedRepo, ModelNotFound, OstlerError, TokenRejected
from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.facts import facts
from ostler.faces.dashboard.parts.prose import prose
from ostler.faces.dashboard.parts.tables import PAGE, Column, Row, pager, table
from ostler.faces.dashboard.parts.words import count, file_size
from ostler.faces.dashboard.stocking.detail import licence, policy
from ostler.faces.dashboard.stocking.kept import HERE
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

FOUND = (
    Column("Model", wide=True),
    Column("For"),
    Column("Formats"),
    Column("Size", right=True),
    Column("Licence"),
    Column("Fetched", right=True),
    Column("Here"),
)
FILES = (
    Column("File", wide=True), Column("Size", right=True), Column("What happens"), Column("Why"),
)  # fmt: skip
ACTS = {"fetch": "fetched", "have": "here already", "leave": "left out"}
USES = {"allowed": "commercial use allowed", "unknown": "commercial use unknown"}


def searched(words: str, hits: Mapping[str, Any] | None, at: int, asking: bool) -> Tag:
    """Return the search and what it found; `hits` is None before the first."""
    return panels.panel(
        "Find on the hub",
        h(
            "form.fields",
            h(
                "div.field.grow",
                h("label", "Words of a name, or a whole name such as org/name", for_="words"),
                h("input#words", name="words", type="search", value=words, required=True,
                  maxlength=200, autocomplete="off", spellcheck="false"),
            ),
            h("button.primary", "Search", type="submit", disabled=asking),
            on_submit=act("search"),
            role="search",
        ),
        h("p.muted", "Asking the hub", role="status") if asking else _hits(words, hits, at),
        key="search",
    )  # fmt: skip


def _hits(words: str, hits: Mapping[str, Any] | None, at: int) -> list[Child]:
    if hits is None:
        return [h("p.muted.after", "Try qwen2.5 gguf, or the name of a model that you know.")]
    found = hits["results"]
    said: list[Child] = []
    if hits["hub_error"]:
        text = f"Only what is kept here was searched: {hits['hub_error']}"
        said.append(panels.notice(text))
    if "/" in words.strip() and all(one["name"].lower() != words.lower() for one in found):
        said.append(
            h("p.after", h("a.button", f"Look at {words}", href=link(words)),
              h("span.muted", " on the hub, by its whole name"))
        )  # fmt: skip
    if not found:
        where = "here" if hits["hub_error"] else f"here or at {hits['hub']}"
        said.append(h("p.after", f"Nothing is called '{words}' {where}."))
        return said
    rows = [_hit(one) for one in found[at : at + PAGE]]
    many = count(len(found), "model")
    said.append(h("p.small.muted.after", f"{many}, those kept here first."))
    said.append(table(FOUND, rows, label=f"Models called {words}"))
    said.append(pager(at, len(found), name="hits"))
    return said


def link(name: str) -> str:
    """Return the address that shows the plan of a pull."""
    return f"{HERE}?{urlencode({'view': 'hub', 'plan': name})}"


def _hit(one: Mapping[str, Any]) -> Row:
    gated = badges.state("gated") if one["gated"] else None
    use = USES.get(one["commercial_use"] or "", one["commercial_use"])
    return Row(
        one["name"],
        (
            h("a", one["name"], href=link(one["name"])),
            one["task"] or "",
            ", ".join(one["formats"]),
            file_size(one["size"]) if one["size"] else "",
            h("span.row.tight", h("span", one["licence"] or "unknown", title=use), gated),
            f"{one['downloads']:,}" if one["downloads"] else "",
            badges.state("kept", "good") if one["local"] else "",
        ),
    )


def plan(one: Mapping[str, Any], accepted: bool, back: str) -> Tag:
    """Return what a pull would do, with the button that begins it; `back` leads to the search."""
    blocked = one["terms"]["decision"] == "block" and not one["terms"]["accepted_by"]
    may = one["fits"] and (accepted or not blocked) and bool(one["fetch_bytes"])
    return h(
        "section.panel.detail",
        h(
            "div.head",
            h("h2", one["name"]),
            badges.state("gated") if one["gated"] else None,
            h("a.button.ghost", "Close", href=back),
        ),
        _notices(one),
        _choice(one),
        facts(about(one)),
        _accept(one, accepted) if blocked else None,
        _begin(one, may),
        h(
            "details.more",
            h("summary", _summary(one["files"])),
            table(FILES, [_file(file) for file in one["files"]], label="Files of the repository"),
            key="files",
        ),
        panels.commanded(command(one)),
        key=f"plan {one['name']}",
    )


def refused(name: str, error: OstlerError, back: str) -> Tag:
    """Say why there is no plan; where a token is wanted, ask for one."""
    token = h(
        "form.fields.inset",
        h(
            "div.field.grow",
            h("label", "A token for the hub, used for this question and kept nowhere",
              for_="token"),
            h("input#token", name="token", type="password", autocomplete="off"),
        ),
        h("button", "Ask again", type="submit"),
        on_submit=act("plan"),
    )  # fmt: skip
    wants = isinstance(error, (AuthRequired, GatedRepo, TokenRejected, ModelNotFound))
    return h(
        "section.panel.error",
        h("div.head", h("h2", name), h("a.button.ghost", "Close", href=back)),
        h("p", prose(error.what)),
        panels.advised(error.hint) if error.hint else None,
        token
        if wants
        else h("button", "Ask again", type="button", on_click=act("plan", values={})),
        role="alert",
        key="refused",
    )


def command(one: Mapping[str, Any]) -> str:
    """Return the command that pulls the same."""
    named = reference(one)
    return f"ostler pull {named}"


def reference(one: Mapping[str, Any]) -> str:
    """Return the name that means this very choice."""
    several = len(one["variants"]) > 1 and one["variant"]
    return f"{one['name']}#{one['variant']}" if several else str(one["name"])


def about(one: Mapping[str, Any]) -> list[tuple[str, Child]]:
    """Return what the plan says, as label and value."""
    fetched = f"{file_size(one['fetch_bytes'])} of {file_size(one['total_bytes'])}"
    if one["partial_bytes"]:
        fetched += f", {file_size(one['partial_bytes'])} of it are here from an earlier pull"
    free = f"{file_size(one['free_bytes'])} free, {file_size(one['reserve_bytes'])} stay free: "
    claimed = one["claimed_bytes"]
    others = f"; {file_size(claimed)} are claimed by downloads that run" if claimed else ""
    budget = None
    if one["budget_bytes"] is not None:
        budget = f"{file_size(one['used_bytes'])} of {file_size(one['budget_bytes'])} used"
    return [
        ("To fetch", fetched),
        ("Room", f"{free}{one['because']}{others}"),
        ("Budget", budget),
        ("Licence", licence(one["terms"])),
        ("Policy", policy(one["terms"])),
        ("Commit", h("code", one["commit"][:12])),
        ("Access", access(one)),
    ]


def access(one: Mapping[str, Any]) -> str:
    """Write whether a token is needed to fetch it, and whether there is one."""
    if not (one["gated"] or one["private"]):
        return "open to everybody"
    kind = "private" if one["private"] else f"gated ({one['gated']})"
    if one["token"]:
        return f"{kind}; the server's token is shown, and its owner must have been given access"
    return f"{kind}; it needs a token of somebody who was given access, and there is none"


def _notices(one: Mapping[str, Any]) -> list[Node]:
    said: list[Node] = []
    if not one["fetch_bytes"]:
        said.append(panels.notice("All of it is kept here already.", "plain"))
    if not one["fits"]:
        said.append(panels.notice("It does not fit: remove or archive another model first.", "bad"))
    notes = [text for text in one["notes"] if not text.startswith("licence (")]
    if notes:
        said.append(h("ul.plain.small.muted", [h("li", text) for text in notes], key="notes"))
    return said


def _choice(one: Mapping[str, Any]) -> Tag | None:
    """Return the quantizations to choose from, where there are several."""
    choices = one["variants"]
    if len(choices) < 2:
        return None
    options = [
        h("option", f"{each['name']}, {file_size(each['bytes'])}", value=each["name"],
          selected=each["name"] == one["variant"], disabled=bool(each["missing"]))
        for each in choices
    ]  # fmt: skip
    return h(
        "div.field.inset",
        h("label", "Quantization", for_="variant"),
        h("select#variant", options, on_change=act("choose")),
        key="choice",
    )


def _accept(one: Mapping[str, Any], accepted: bool) -> Tag:
    return h(
        "div.inset",
        panels.notice(f"The licence policy blocks it: {one['terms']['because']}.", "bad"),
        h(
            "p.row.tight.after",
            h("input#accept", type="checkbox", checked=accepted, on_change=act("accept")),
            h("label", "I hold the right to use it so, and say so on record", for_="accept"),
        ),
        key="accept",
    )


def _begin(one: Mapping[str, Any], may: bool) -> Tag:
    wants = (one["gated"] or one["private"]) and not one["token"]
    token = h(
        "div.field.grow",
        h("label", "A token for the hub, used for this download and kept nowhere", for_="token"),
        h("input#token", name="token", type="password", autocomplete="off"),
    )
    if not one["fetch_bytes"]:
        kept = urlencode({"model": reference(one)})
        return h("p.inset", h("a.button", "Open it", href=f"{HERE}?{kept}"), key="begin")
    return h(
        "form.fields.inset",
        token if wants else None,
        h("button.primary", f"Fetch {file_size(one['fetch_bytes'])}", type="submit",
          disabled=not may),
        on_submit=act("pull"),
        key="begin",
    )  # fmt: skip


def _summary(files: Sequence[Mapping[str, Any]]) -> str:
    many = {act: sum(one["act"] == act for one in files) for act in ACTS}
    return f"{count(len(files), 'file')}: " + ", ".join(
        f"{number} {ACTS[name]}" for name, number in many.items() if number
    )


def _file(one: Mapping[str, Any]) -> Row:
    return Row(
        one["path"], (one["path"], file_size(one["bytes"]), ACTS[one["act"]], one["because"])
    )
