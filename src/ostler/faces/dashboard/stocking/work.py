"""Downloads and other work on models: how far each is, and what can be done about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.prose import prose
from ostler.faces.dashboard.parts.words import count, duration, file_size
from ostler.faces.dashboard.tree import Node, Tag, act, h

ACTIVE = ("requested", "waiting", "downloading", "running")
LASTS = 45.0  # seconds for which what has gone well is still shown
PROOFS = ("verify", "repair")
KINDS = {
    "pull": "Download", "sample": "Shipped model", "verify": "Verify", "repair": "Repair",
    "archive": "Archive", "unarchive": "Bring back", "quantize": "Quantize", "add": "Add",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of work, of either list of the API."""

    key: str
    kind: str
    model: str
    state: str
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    rate: float | None = None  # units a second
    left: float | None = None  # seconds
    stage: str = ""
    why: str = ""
    hint: str = ""
    code: str = ""
    by: str = ""
    id: str = ""  # of a job
    said: str = ""  # what came of it

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


def pieces(
    pulls: Sequence[Mapping[str, Any]],
    jobs: Sequence[Mapping[str, Any]],
    now: float,
    put_away: Collection[str],
) -> list[Piece]:
    """Return what is to be shown: what runs, what went wrong, and what has just gone well."""
    found = [_pull(one) for one in pulls if _shows(one["status"], one["ended_at"], now)]
    found += [
        _job(one, now)
        for one in jobs
        if _shows(one["state"], one["ended"], now) and not _answered(one, jobs)
    ]
    kept = [one for one in found if one.key not in put_away]
    return sorted(kept, key=lambda one: not one.active)


def _shows(state: str, ended: float | None, now: float) -> bool:
    return state in (*ACTIVE, "failed", "cancelled") or now - (ended or 0) < LASTS


def _answered(one: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a proof that failed was followed by another of the same model."""
    return (
        one["kind"] in PROOFS
        and one["state"] == "failed"
        and any(
            later["kind"] in PROOFS
            and later["model"] == one["model"]
            and later["began"] > one["began"]
            for later in jobs
        )
    )


def _pull(one: Mapping[str, Any]) -> Piece:
    return Piece(
        key=f"pull {one['model']} {one['asked_at']}",
        kind="pull",
        model=one["model"],
        state=one["status"],
        done=one["done_bytes"] or 0,
        total=one["total_bytes"] or 0,
        rate=one["bytes_per_second"],
        left=one["seconds_left"],
        why=one["why"] or "",
        by=one["by"] or "",
        said="every byte verified" if one["status"] == "available" else "",
    )


def _job(one: Mapping[str, Any], now: float) -> Piece:
    error = one["error"] or {}
    took = now - one["began"]
    rate = one["done"] / took if one["done"] and took > 1 else None
    return Piece(
        key=f"job {one['id']}",
        kind=one["kind"],
        model=one["model"],
        state=one["state"],
        done=one["done"],
        total=one["total"],
        unit=one["unit"],
        rate=rate,
        left=(one["total"] - one["done"]) / rate if rate and one["total"] else None,
        stage=one["stage"],
        why=error.get("message", ""),
        hint=error.get("hint", ""),
        code=error.get("code", ""),
        by=one["by"] or "",
        id=one["id"],
        said=result(one["kind"], one["result"] or {}),
    )


def result(kind: str, said: Mapping[str, Any]) -> str:
    """Write what came of a piece of work."""
    if kind == "verify" and said.get("clean"):
        return f"clean: {count(said['files'], 'file')}, {file_size(said['bytes'])} read"
    if kind == "repair" and "mended" in said:
        fetched = sum(one["fetched_bytes"] for one in said["mended"])
        return f"{count(len(said['mended']), 'file')} mended, {file_size(fetched)} fetched again"
    if kind == "archive" and "to" in said:
        return f"moved to {said['to']}, {file_size(said['freed_bytes'])} freed"
    if kind == "unarchive" and "from" in said:
        return f"back from {said['from']}"
    if kind == "quantize" and "bytes" in said:
        return f"kept as {said['name']}, {file_size(said['bytes'])}"
    return ""


def panel(found: Sequence[Piece]) -> Node | None:
    """Return the work that is to be shown; None where there is none."""
    if not found:
        return None
    return panels.panel(
        "Work", h("ul.plain.works", [_item(one) for one in found]), key="work"
    )  # fmt: skip


def words(one: Piece) -> str:
    """Write how far a piece of work is."""
    if not one.active:
        return one.said
    if not one.total:
        return {"requested": "waits for its turn", "waiting": "waits for its turn"}.get(
            one.state, one.stage or "asking"
        )
    show = file_size if one.unit == "bytes" else str
    said = f"{show(one.done)} of {show(one.total)}"
    if one.unit == "bytes" and one.rate:
        said += f", {file_size(int(one.rate))}/s"
    if one.left is not None:
        said += f", {duration(one.left)} left"
    return f"{one.stage}: {said}" if one.stage else said


def _item(one: Piece) -> Tag:
    said = words(one)
    name = f"{KINDS.get(one.kind, one.kind)} of {one.model}"
    return h(
        "li",
        h(
            "div.row.between",
            h("span.row.tight", h("strong", KINDS.get(one.kind, one.kind)), one.model,
              badges.state(one.state)),
            h("span.buttons", _buttons(one, name)),
        ),
        h("progress", value=one.done, max=one.total or None, aria_label=name)
        if one.active else None,
        h("p.small.muted.num-text", said) if said else None,
        h("p.small", prose(one.why), h("span.muted", " ", prose(one.hint)) if one.hint else None)
        if one.why else None,
        key=one.key,
    )  # fmt: skip


def _buttons(one: Piece, name: str) -> list[Tag]:
    def button(text: str, does: str, **args: Any) -> Tag:
        return h("button.small", text, type="button", aria_label=f"{text}: {name}",
                 on_click=act(does, **args), key=text)  # fmt: skip

    if one.active:
        if one.kind == "pull":
            return [button("Cancel", "end_pull", model=one.model)]
        return [button("Cancel", "cancel", id=one.id)]
    found = []
    if one.kind == "pull" and one.state in ("failed", "cancelled"):
        found.append(button("Go on", "pull_again", model=one.model))
    if one.kind == "verify" and one.code == "damaged_model":
        found.append(button("Repair", "verify", model=one.model, repair=True))
    return [*found, button("Dismiss", "dismiss", key=one.key)]
