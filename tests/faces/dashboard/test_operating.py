"""What the overview, the deployments and the activity make of what the API says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ostler.errors import HubUnreachable
from ostler.faces.dashboard import frame, pages
from ostler.faces.dashboard.operating import detail, events, listed
from ostler.faces.dashboard.pages import overview
from ostler.faces.dashboard.pages.overview import Overview
from ostler.faces.dashboard.parts import charts, pulses
from ostler.faces.dashboard.parts.tables import pager
from ostler.faces.dashboard.tree import html
from ostler.faces.server.pulse import SLICE

GIB = 2**30


def unit(id: str, **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(
        ("device", "memory_bytes", "eta_seconds", "why", "engine", "context", "pool", "pid", "port",
         "lease_seconds", "start_seconds", "placed", "last_used_seconds", "code", "cause", "hint")
    )  # fmt: skip
    return {**plain, "id": id, "state": "ready", "busy": False, "pinned": False, "seconds": 3.0,
            "requests": 0} | more  # fmt: skip


def fleet(*units: dict[str, Any], **device: Any) -> dict[str, Any]:
    one = {"id": "nvidia:0", "name": "A", "room_bytes": 20 * GIB, "held_bytes": 0,
           "total_bytes": 24 * GIB, "used_bytes": None} | device  # fmt: skip
    return {"models": list(units), "devices": [one], "waiting": [], "warnings": []}


def test_a_devices_bar_adds_up_to_the_device() -> None:
    found = fleet(
        unit("a", device="nvidia:0", memory_bytes=6 * GIB),
        unit("b", device="nvidia:0,nvidia:1", memory_bytes=8 * GIB),
        unit("c", device="cpu", memory_bytes=GIB),
        held_bytes=11 * GIB,
    )
    [(_, segments, words)] = overview.devices(found)
    assert [(one.name, one.size // GIB, one.kind) for one in segments] == [
        ("a", 6, "1"),
        ("b", 4, "2"),
        ("Other units", 1, "6"),
        ("Free for models", 9, "free"),
        ("The system and others", 4, "kept"),
    ]
    assert sum(one.size for one in segments) == 24 * GIB
    assert words == "Models hold 11.0 GiB of the 20.0 GiB that they may take."


@given(st.lists(st.integers(0, 3), max_size=4), st.integers(0, 40), st.integers(0, 40))
def test_no_bar_is_longer_than_its_device_says(sizes: list[int], room: int, held: int) -> None:
    units = [unit(f"m{n}", device="nvidia:0", memory_bytes=s * GIB) for n, s in enumerate(sizes)]
    held = max(held, sum(sizes))
    shown = overview.devices(fleet(*units, room_bytes=room * GIB, held_bytes=held * GIB))
    [(device, segments, _)] = shown
    assert all(one.size >= 0 for one in segments)
    assert sum(one.size for one in segments) == max(held * GIB, room * GIB, 24 * GIB) or (
        held > room and sum(one.size for one in segments) >= device["held_bytes"]
    )


def beat(**more: Any) -> dict[str, Any]:
    return {"requests": 0, "errors": 0, "prompt_tokens": 0, "completion_tokens": 0, "waiting": 0,
            "first_byte_median": None, "first_byte_p95": None} | more  # fmt: skip


def test_figures_say_the_last_minute_in_words_too() -> None:
    slices = [beat() for _ in range(83)]
    slices += [beat(requests=20, errors=1, completion_tokens=600, first_byte_median=0.035,
                    first_byte_p95=1.25)] * 6  # fmt: skip
    pulse = {"slices": [*slices, beat(requests=3)], "slice_seconds": SLICE, "waiting": {"a": 2}}
    requests, errors, waiting, first = map(html, pulses.figures(pulse))
    assert ">2.0<" in requests
    assert "60 tokens a second" in requests
    assert "at most 2.0, now 2.0" in requests
    assert "4.9 % of 123 requests in 15 minutes" in errors
    assert "bad-text" in errors
    assert "2 for a" in waiting
    assert ">35 ms<" in first
    assert "95 % within 1.2 s" in first
    assert all("NaN" not in one and "inf" not in one for one in (requests, errors, waiting, first))


def test_nothing_answered_is_no_time() -> None:
    pulse = {"slices": [beat()] * 90, "slice_seconds": SLICE, "waiting": {}}
    first = html(pulses.figures(pulse)[3])
    assert ">none<" in first
    assert "no answer in 15 minutes" in first


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=90))
def test_a_line_stays_in_its_picture(values: list[float | None]) -> None:
    tree = charts.sparkline(values, "words")
    for line in tree.children[1:]:
        points = [tuple(map(float, p.split(","))) for p in str(line.attrs["points"]).split()]  # type: ignore[union-attr]
        assert len(points) > 1
        assert all(0 <= x <= charts.WIDE and 0 <= y <= charts.HIGH for x, y in points)


MODELS = [
    {"id": id, "state": "stopped", "task": "chat"} for id in ("z/idle", "a/idle", "m/up", "f")
]
RUNS = [
    {"model": "m/up", "state": "ready", "pinned": True, "why": None, "path": "/models/m/up/v1",
     "wish": {"context": 4096}, "units": [unit("m/up", device="cpu", memory_bytes=GIB, busy=True)],
     "last_used_seconds": 0.0},
    {"model": "f", "state": "failed", "pinned": False, "why": "Out of memory.", "path": "",
     "wish": {}, "units": [unit("f", state="failed")], "last_used_seconds": 7200.0},
]  # fmt: skip


def test_what_needs_a_look_stands_first() -> None:
    found = listed.every(MODELS, RUNS)
    assert [one.id for one in found] == ["f", "m/up", "a/idle", "z/idle"]
    assert [one.id for one in listed.found(found, " IDLE")] == ["a/idle", "z/idle"]
    assert [one.id for one in listed.found(found, "failed")] == ["f"]


def test_a_row_says_what_can_be_done() -> None:
    failed, up, idle, _ = listed.every(MODELS, RUNS)
    names = {one.id: [html(b) for b in listed.buttons(one)] for one in (failed, up, idle)}
    assert ["Load" in names["f"][0], "Unload" in names["m/up"][0]] == [True, True]
    assert "Unpin" in names["m/up"][1]
    shown = html(listed.listing([failed, up, idle], "", 0, ""))
    assert "Out of memory." in shown
    assert "1.0 GiB" in shown
    assert [word in shown for word in (">now<", ">2 h ago<")] == [True, True]
    shown = html(detail.detail(failed, "http://h:1", None, detail.log_panel(None, "", "")))
    assert "Error: " in shown
    assert "never started here" in shown


def test_a_name_that_would_be_a_tag_is_none() -> None:
    evil = "<img src=x onerror=alert(1)>"
    one = listed.Listed(evil, "failed", why=evil, units=[unit(evil, state="failed", why=evil)])
    shown = html(listed.listing([one], evil, 0, "")) + html(
        detail.detail(one, "http://h:1", [{"state": "fail", "what": evil, "fix": evil}],
                      detail.log_panel([(1, evil)], evil, evil))
    )  # fmt: skip
    assert "<img" not in shown


EVENTS = [
    {"id": 1, "act": "evict", "subject": "org/a", "actor": "keeper", "outcome": "done",
     "why": "It made room for org/b.", "facts": {"device": "nvidia:0"},
     "at": "2026-11-21T18:00:00"},
    {"id": 2, "act": "pull", "subject": "org/b", "actor": "cli:anna", "outcome": "failed",
     "why": "The hub does not answer.", "facts": {"bytes": 1000, "seconds": 2.0},
     "at": "2026-11-21T18:01:00+00:00"},
    {"id": 3, "act": "key.create", "subject": "ci", "actor": "key:anna", "outcome": "done",
     "why": "", "facts": {}, "at": "2026-11-21T18:02:00Z"},
]  # fmt: skip


def test_events_are_found_by_kind_and_text() -> None:
    def ids(group: str, text: str) -> list[int]:
        return [one["id"] for one in events.wanted(EVENTS, group, text)]

    assert ids("", "") == [1, 2, 3]
    assert ids("models", "") == [1]
    assert ids("keys", "") == [3]
    assert ids("", "ANNA") == [2, 3]
    assert ids("", "made room") == [1]
    assert ids("no such group", "") == [1, 2, 3]


def test_an_event_says_when_who_and_why() -> None:
    evicted, failed, made = events.rows(EVENTS)
    assert "2026-11-21 18:00:00" in html(evicted.cells[0])  # type: ignore[arg-type]
    assert "It made room for org/b. On nvidia:0." in html(evicted.cells[-1])  # type: ignore[arg-type]
    assert "badge bad" in html(failed.cells[1])  # type: ignore[arg-type]
    assert "1.0 kB in 2.0 s." in html(failed.cells[-1])  # type: ignore[arg-type]
    assert made.key == "3"


class Tab:
    """A browser tab in which nothing is done."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.origin = "http://h:1"


def test_every_page_is_framed_while_it_loads_and_when_it_failed() -> None:
    for page in pages.PAGES:
        state = frame.State(operates=True, who="", page=page)
        one = page(Tab(), {})  # type: ignore[arg-type]
        assert "Loading" in html(frame.around(one, state))
        state.failed = HubUnreachable("The hub is gone.", hint="Wait.")
        shown = html(frame.around(one, state))
        assert "The hub is gone." in shown
        assert "Try again" in shown
        assert f'aria-current="page">{page.title}<' in shown


def test_what_was_there_stays_when_a_later_look_fails() -> None:
    state = frame.State(operates=True, who="", page=Overview, looked=True)
    state.failed = HubUnreachable("The hub is gone.")
    page = Overview(Tab(), {})  # type: ignore[arg-type]
    page.fleet = {**fleet(), "seconds": 1.0, "address": "http://h:1", "version": "1"}
    shown = html(frame.around(page, state))
    assert "What you see is from before: The hub is gone." in shown
    assert "No model is kept here yet" in shown


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_a_pager_leads_to_no_row_that_is_not_there(at: int, total: int) -> None:
    found = pager(at, total)
    if found is None:
        assert total <= 50
        return
    back, _, on = found.children
    for button in (back, on):
        if "disabled" not in button.attrs:  # type: ignore[union-attr]
            asked = button.attrs["on-click"].args["at"]  # type: ignore[union-attr]
            assert 0 <= asked < total
