"""One deployment: what it is, why it is there, why it failed and what to do, its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.last_use import last_use
from ostler.faces.dashboard.operating.listed import DOWN, Listed, buttons
from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.facts import facts
from ostler.faces.dashboard.parts.words import duration, memory
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

LEASES = (("600", "10 minutes"), ("3600", "an hour"), ("28800", "8 hours"))


def detail(
    one: Listed,
    address: str,
    findings: Sequence[Mapping[str, Any]] | None,
    log: Tag,
) -> Tag:
    """Return the panel of one deployment; `findings` are those of `/api/why`, None if not asked."""
    pinned = h("span.muted.small", "pinned") if one.pinned else None
    return h(
        "section.panel.detail",
        h(
            "div.head",
            h("h2", one.id),
            h("span.row.tight", badges.state(one.state), pinned),
            h("a.button.ghost", "Close", href="/dashboard/deployments"),
        ),
        _trouble(one),
        h("div.row", *buttons(one, main=True), _lease(one), _asks(one)),
        _units(one, address),
        _found(findings) if findings is not None else None,
        log,
        key=f"detail {one.id}",
    )  # fmt: skip


def _trouble(one: Listed) -> Node | None:
    if one.state == "failed":
        return panels.notice(one.why or "It failed, and its engine said no reason.", "bad")
    return panels.notice(one.why, "plain") if one.why else None


def _asks(one: Listed) -> Tag:
    text = "What stands in its way?"
    return h("button.ghost", text, type="button", on_click=act("why", model=one.id), key="why")


def _lease(one: Listed) -> Tag | None:
    """Return the form of a load for a time; None for what is loaded already."""
    if one.state not in DOWN:
        return None
    choices = [h("option", text, value=seconds) for seconds, text in LEASES]
    return h(
        "form.row.tight",
        h("label", "or load it for", for_="seconds"),
        h("select#seconds", choices, name="seconds"),
        h("button", "Load for so long", type="submit"),
        on_submit=act("lease", model=one.id),
        key="lease",
    )


def _units(one: Listed, address: str) -> Tag:
    """What is known of its engines; of a model that does not run, how it is asked for."""
    url = f"{address}{one.path}" if one.path else ""
    shared: list[tuple[str, Child]] = [
        ("For", one.task),
        ("Own address", _copied(url) if url else None),
        ("Wished", ", ".join(f"{name} {value}" for name, value in one.wish.items())),
    ]
    if not one.units:
        shared.insert(0, ("Runs", "Not now. The first request for it loads it."))
        return facts(shared)
    if len(one.units) == 1:
        return facts([*_unit(one.units[0]), *shared])
    parts = [
        h("div", h("h3", unit["id"]), facts(_unit(unit)), key=unit["id"]) for unit in one.units
    ]
    return h("div.stack", parts, facts(shared))


def _unit(unit: Mapping[str, Any]) -> list[tuple[str, Child]]:
    ends = unit["lease_seconds"]
    return [
        ("Why there", unit["placed"]),
        ("Ready in", _about(unit["eta_seconds"])),
        ("Engine", unit["engine"]),
        ("On", unit["device"]),
        ("Memory", memory(unit["memory_bytes"]) if unit["memory_bytes"] else None),
        ("Context", f"{unit['context']:,} tokens" if unit["context"] else None),
        ("Pool", unit["pool"]),
        ("In this state for", duration(unit["seconds"])),
        ("Ends in", duration(ends) if ends is not None else None),
        ("Its start took", duration(unit["start_seconds"]) if unit["start_seconds"] else None),
        ("Requests answered", f"{unit['requests']:,}"),
        ("Last used", last_use(unit)),
        ("Process", f"{unit['pid']} on port {unit['port']}" if unit["pid"] else None),
    ]


def _about(seconds: float | None) -> str | None:
    return None if seconds is None else f"about {duration(seconds)}"


def _copied(text: str) -> Tag:
    return h(
        "span.row.tight",
        h("code", text),
        h("button.ghost.copy.small", "Copy", type="button", data_do="copy", data_text=text,
          aria_label="Copy its address"),
    )  # fmt: skip


def _found(findings: Sequence[Mapping[str, Any]]) -> Tag:
    kinds = {"ok": "good", "info": "plain", "warn": "warn", "fail": "bad"}
    rows = [
        h(
            "li",
            h(
                "span.finding",
                badges.state(one["state"], kinds[one["state"]]),
                h("span", one["what"]),
            ),
            panels.advised(one["fix"]) if one["fix"] else None,
            key=place,
        )
        for place, one in enumerate(findings)
    ]  # fmt: skip
    title = h("h3", "What stands in its way")
    return h("div.stack", title, h("ul.plain", rows), role="status", key="why")


def log_panel(lines: Sequence[tuple[int, str]] | None, command: str, ended: str) -> Tag:
    """Return an engine's log, followed; `lines` is None where there is none.

    `command` shows the same in a terminal.
    """
    if lines is None:
        return h("p.muted", ended or "It has no log: it was never started here.", key="log")
    return h(
        "div.stack.tight",
        h("div.row.between", h("h3", "Log of its engine"), h("code.small.muted", command)),
        h(
            "pre.log",
            [h("span.line", text, key=number) for number, text in lines],
            tabindex="0",
            role="log",
            aria_label="Log of its engine",
            aria_live="off",
            data_follow=True,
        ),
        h("p.small.muted", ended) if ended else None,
        key="log",
    )
