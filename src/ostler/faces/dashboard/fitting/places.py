"""Where a model fits: the verdict, what would make it fit, this machine's devices, rented GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.sizes import parameters
from ostler.faces.dashboard.fitting.choice import Choice
from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.facts import facts
from ostler.faces.dashboard.parts.tables import Column, Row, pager, table
from ostler.faces.dashboard.parts.words import count, memory
from ostler.faces.dashboard.tree import Child, Tag, act, h

FIRST = 8  # GPUs that are shown at once
DEVICES = (
    Column("Device"), Column("Room", right=True), Column("Verdict"), Column("Why", wide=True),
)  # fmt: skip
GPUS = (
    Column("GPU"),
    Column("Room", right=True),
    Column("Verdict"),
    Column("Price", right=True),
    Column("Where, and when read"),
    Column("Why", wide=True),
    Column("What can be done", hidden=True),
)


def verdict(fitted: Mapping[str, Any]) -> Tag:
    """Return the answer: whether it fits, how far that reaches, and what would make it fit."""
    place = fitted["places"][0] if fitted["places"] else None
    on = place["name"] if place else "any device here"
    many = fitted["tensor_parallel"]
    where = f"{many}x {on}" if many > 1 and not on.startswith(f"{many}x") else on
    word = "fits" if fitted["fits"] else "does not fit"
    return h(
        "div.verdict",
        h(
            "p.answer",
            badges.state(word, "good" if fitted["fits"] else "bad"),
            h("strong", f"{fitted['id']} {word} on {where}."),
            h("span", f" {place['because']}." if place else ""),
        ),
        h("p.muted", reach(fitted)),
        _changes(fitted),
        role="status",
        key="verdict",
    )


def reach(fitted: Mapping[str, Any]) -> str:
    """Write the longest context and the most sequences that fit."""
    longest, most = fitted["longest_context"], fitted["most_sequences"]
    if most is None:
        return "There is no device to hold it against."
    if longest is None:
        return "Not even one token of context fits."
    end = ", all that the model takes" if longest == fitted["longest_model"] else ""
    said = f"Longest context there: {longest:,} tokens{end}."
    return f"{said} Most sequences of {fitted['context']:,} tokens: {most:,}."


def _changes(fitted: Mapping[str, Any]) -> Tag | None:
    offers = fitted["changes"]
    if not offers:
        return None
    first, *others = offers
    return h(
        "div.changes",
        h("p", "It would fit with ", h("code", first["what"]),
          f": {memory(first['required_bytes'])} needed; the price is {first['cost']}."),
        h("div.buttons", [_take(one) for one in (first, *others[:4])]),
        key="changes",
    )  # fmt: skip


def _take(one: Mapping[str, Any]) -> Tag:
    return h("button.small", offered(one["what"]), type="button", title=one["cost"],
             on_click=act("take", what=one["what"]), key=one["what"])  # fmt: skip


def offered(what: str) -> str:
    """Write an offer of the API, such as `--tp 2`, as a button says it."""
    flag, _, value = what.partition(" ")
    if flag in ("--context", "--sequences"):
        value = f"{int(value):,}"
    words = {"--context": f"Take {value} tokens", "--sequences": f"Take {value} sequences",
             "--tp": f"Take {value} GPUs", "--kv-dtype": f"Keep the cache in {value}"}  # fmt: skip
    return words.get(flag, f"Take {what}")


def about(fitted: Mapping[str, Any]) -> Tag:
    """Return what is estimated, and by what."""
    version = f" {fitted['engine_version']}" if fitted["engine_version"] else ""
    weights = fitted["quantization"] or (fitted["dtype"] or "unknown").lower()
    return facts(
        [
            ("Parameters", parameters(fitted["parameters"])),
            ("Weights", weights),
            ("Licence", fitted["licence"] or "unknown"),
            ("Here", "kept" if fitted["kept"] else "not kept"),
            ("Engine", f"{fitted['engine']}{version}"),
            ("Why this one", fitted["engine_because"]),
        ]
    )


def devices(fitted: Mapping[str, Any]) -> Tag | None:
    """Return this machine's devices, where there are several."""
    places = fitted["places"]
    if len(places) < 2:
        return None
    rows = [
        Row(
            one["id"],
            (
                f"{one['id']} ({one['name']})",
                memory(one["room_bytes"]),
                _fits(one["fits"]),
                one["because"],
            ),
        )
        for one in places
    ]
    return panels.panel(
        "On this machine", table(DEVICES, rows, label="Devices of this machine"), key="devices"
    )


def gpus(fitted: Mapping[str, Any], choice: Choice, all_of_them: bool, at: int) -> Tag:
    """Return the GPUs that could be rented or bought, the cheapest that fits first."""
    every: Sequence[Mapping[str, Any]] = fitted["gpus"]
    good = [one for one in every if one["fits"]]
    shown = every if all_of_them else good
    many = f" (each of {choice.gpus})" if choice.gpus > 1 else ""
    offered = sum(one["offered"] for one in good)
    said = (
        f"{count(len(good), 'GPU')} of {len(every)} would hold it{many}, "
        f"{offered} of them can be rented in our lists. Prices are on demand, in US dollars."
    )
    switch = h(
        "label.row.tight",
        h("input", type="checkbox", checked=all_of_them, on_change=act("all")),
        "also those that do not hold it",
    )
    rows = [_gpu(one, choice) for one in shown[at : at + FIRST]]
    return panels.panel(
        "Other GPUs",
        h("p.small.muted", said),
        table(GPUS, rows, label="GPUs, the cheapest that fits first") if rows else None,
        pager(at, len(shown), size=FIRST),
        aside=switch,
        key="gpus",
    )


def _gpu(one: Mapping[str, Any], choice: Choice) -> Row:
    room = memory(one["room_bytes"])
    name = f"{one['name']}, {one['memory_gb']:g} GB"
    chosen = one["name"] == choice.gpu
    button: Child = h("span.small.muted", "shown above")
    if not chosen:
        button = h("button.small", "Choose", type="button", aria_label=f"Choose {one['name']}",
                   on_click=act("gpu", name=one["name"]))  # fmt: skip
    return Row(
        one["name"],
        (
            name,
            room if one["room_known"] else f"~{room}",
            _fits(one["fits"]),
            price(one),
            h("span", one["provider"], h("span.small.muted.block", read_on(one)))
            if one["offered"]
            else "",
            one["because"],
            button,
        ),
    )


def price(one: Mapping[str, Any]) -> str:
    """Write what a GPU costs."""
    if not one["offered"]:
        return "no offer"
    return "unknown" if one["usd_per_hour"] is None else f"${one['usd_per_hour']:.2f}/h"


def read_on(one: Mapping[str, Any]) -> str:
    """Write on which day a price was read."""
    if not one["offered"]:
        return ""
    if not one["as_of"]:
        return "undated"
    return f"{one['as_of']}, stale" if one["stale"] else str(one["as_of"])


def _fits(yes: bool) -> Tag:
    return badges.state("fits" if yes else "too small", "good" if yes else "bad")
