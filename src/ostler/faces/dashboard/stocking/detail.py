"""One kept model in full: what it is, its licence, its files, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.facts import facts
from ostler.faces.dashboard.parts.tables import Column, Row, table
from ostler.faces.dashboard.parts.words import clock, count, duration, file_size, memory
from ostler.faces.dashboard.stocking.kept import HERE, exactly, weights
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h


def detail(one: Mapping[str, Any], archiving: bool) -> Tag:
    """Return the panel of one kept model; `archiving` shows the form that asks where to."""
    state = "damaged" if one["damaged"] else one["state"]
    return h(
        "section.panel.detail",
        h(
            "div.head",
            h("h2", one["id"]),
            badges.state(state),
            h("a.button.ghost", "Close", href=HERE),
        ),
        _damage(one),
        h("div.buttons", _links(one), _acts(one)),
        _archive(one) if archiving else None,
        facts(about(one)),
        [panels.notice(text, "plain") for text in one["unknown"]],
        _files(one),
        _measured(one),
        _tried(one),
        panels.commanded(f"ostler info {one['id']}"),
        key=f"detail {one['id']}",
    )


def about(one: Mapping[str, Any]) -> list[tuple[str, Child]]:
    """Return what is known of it, as label and value."""
    context = f"{one['context_length']:,} tokens" if one["context_length"] else "unknown"
    shared = one["bytes"] - one["own_bytes"]
    size = f"{file_size(one['bytes'])} ({one['bytes']:,} bytes)"
    return [
        ("For", one["task"] or "unknown"),
        ("Weights", weights(one)),
        ("Size", f"{size}, {file_size(shared)} of it shared" if shared else size),
        ("Parameters", exactly(one["parameters"])),
        ("Context", context),
        ("Shape", shape(one)),
        ("Licence", licence(one["terms"])),
        ("Policy", policy(one["terms"])),
        ("From", one["origin"] or "unknown"),
        ("Commit", h("code", one["commit"][:12])),
        ("Known as", ", ".join(one["aliases"])),
        ("Kept since", f"{clock(one['pulled_at'])} UTC" if one["pulled_at"] else None),
        ("Made from", one["derived_from"]),
        ("Made by", one["made_by"]),
        ("Folder", h("code", one["folder"])),
    ]


def shape(one: Mapping[str, Any]) -> str:
    """Write a model's shape: `llama: 2 layers, hidden size 128, 4 heads`; only what is known."""
    parts = [
        count(one["layers"], "layer") if one["layers"] else "",
        f"hidden size {one['hidden']:,}" if one["hidden"] else "",
        count(one["heads"], "head") if one["heads"] else "",
        count(one["kv_heads"], "KV head") if one["kv_heads"] else "",
        f"head size {one['head_dim']}" if one["head_dim"] else "",
        count(one["experts"], "expert") if one["experts"] else "",
        f"{one['vocabulary']:,} words" if one["vocabulary"] else "",
    ]
    said = ", ".join(part for part in parts if part)
    named = one["architecture"] or "unknown"
    return f"{named}: {said}" if said else str(named)


def licence(terms: Mapping[str, Any]) -> str:
    """Write a licence: its name, what commercial use is with those of its bases, its conditions."""
    if not terms["licence"]:
        return "unknown: nobody has said under which terms it may be used"
    said = f"{terms['licence']} ({terms['licence_name']})"
    if terms["conditions"]:
        said += f": {terms['conditions']}"
    said += f". Commercial use, with what it was made from: {terms['commercial_use']}"
    if terms["accepted_by"]:
        said += f"; accepted by {terms['accepted_by']} at {terms['accepted_at']}"
    return said


def policy(terms: Mapping[str, Any]) -> str | None:
    """Write what the operator's policy says, where it says more than yes."""
    if terms["decision"] == "allow":
        return None
    return f"{terms['decision']}: {terms['because']}"


def _damage(one: Mapping[str, Any]) -> Node | None:
    wrong = [file["path"] for file in one["files"] if file["damaged"]]
    if not wrong:
        return None
    said = f"{', '.join(wrong)} no longer has its hash. Repair fetches the damaged blocks again."
    return panels.notice(said, "bad")


def _links(one: Mapping[str, Any]) -> list[Tag]:
    asked = urlencode({"model": one["id"]})
    return [
        h("a.button", "Run it", href=f"/dashboard/deployments?{asked}"),
        h("a.button", "See what fits", href=f"/dashboard/fit?{asked}"),
    ]


def _acts(one: Mapping[str, Any]) -> list[Tag]:
    model = one["id"]

    def button(text: str, does: str, **args: Any) -> Tag:
        return h("button", text, type="button", on_click=act(does, **args), key=text)

    proof = (
        button("Repair", "verify", model=model, repair=True)
        if one["damaged"]
        else button("Verify every byte", "verify", model=model, repair=False)
    )
    return [
        proof,
        button("Archive", "archiving"),
        button("Remove", "remove", model=model, purge=False),
        h("button.ghost", "Remove for good", type="button",
          on_click=act("remove", model=model, purge=True)),
    ]  # fmt: skip


def _archive(one: Mapping[str, Any]) -> Tag:
    return h(
        "form.fields.inset",
        h(
            "div.field.grow",
            h("label", "A folder on another disk of the server's machine", for_="to"),
            h("input#to", name="to", type="text", required=True, placeholder="/mnt/cold",
              autocomplete="off", spellcheck="false"),
        ),
        h("button.primary", "Move it there", type="submit"),
        h("button.ghost", "Cancel", type="button", on_click=act("archiving")),
        on_submit=act("archive", model=one["id"]),
        key="archive",
    )  # fmt: skip


def _files(one: Mapping[str, Any]) -> Tag:
    rows = [
        Row(
            file["path"],
            (
                file["path"],
                file_size(file["bytes"]),
                h("code", file["sha256"][:16]),
                badges.state("damaged") if file["damaged"] else "weights" * file["weights"],
            ),
        )
        for file in one["files"]
    ]
    columns = (Column("File", wide=True), Column("Size", right=True), Column("SHA-256"),
               Column("Kind"))  # fmt: skip
    return h(
        "details.more",
        h("summary", f"{count(len(rows), 'file')}, each with its hash"),
        table(columns, rows, label="Files"),
        key="files",
    )


def _measured(one: Mapping[str, Any]) -> Tag | None:
    if not one["measured"]:
        return None
    columns = (Column("Part"), Column("Took", right=True), Column("With"), Column("On"),
               Column("Tokens", right=True), Column("When"))  # fmt: skip
    rows = [
        Row(
            str(place),
            (
                part["component"],
                memory(part["bytes"]),
                f"{part['engine']} {part['version']}".strip(),
                part["device"] or "",
                f"{part['context']:,}" if part["context"] else "",
                part["at"][:10],
            ),
        )
        for place, part in enumerate(one["measured"])
    ]
    return h(
        "details.more",
        h("summary", "What it took in memory, measured here"),
        table(columns, rows, label="Measured memory"),
        key="measured",
    )


def _tried(one: Mapping[str, Any]) -> Tag | None:
    tries = one["downloads"]
    if not tries:
        return None
    columns = (Column("When"), Column("Outcome"), Column("Took", right=True),
               Column("Fetched", right=True), Column("Why", wide=True))  # fmt: skip
    rows = [
        Row(
            str(place),
            (
                f"{clock(each['at'])} UTC",
                badges.state(each["outcome"]),
                duration(each["seconds"]),
                file_size(each["bytes"]) if each["bytes"] is not None else "",
                each["what"],
            ),
        )
        for place, each in enumerate(reversed(tries))
    ]
    return h(
        "details.more",
        h("summary", f"{count(len(tries), 'download', 'downloads')} of it"),
        table(columns, rows, label="Downloads"),
        key="tried",
    )
