"""The page of models without a browser: rows, work, plans, and what is said of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.errors import AuthRequired, HubUnreachable
from ostler.faces.dashboard.stocking import detail, hub, kept, shelf, work
from ostler.faces.dashboard.tree import html

TERMS = {
    "licence": "apache-2.0", "licence_name": "Apache License 2.0", "commercial_use": "allowed",
    "conditions": "keep it", "decision": "allow", "because": "allowed", "accepted_by": None,
    "accepted_at": None,
}  # fmt: skip


def model(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "name": name, "licence": "mit", "task": "chat", "quantization": None,
        "dtype": "F32", "format": "gguf", "state": "stopped", "parameters": 7_000_000_000,
        "bytes": 10**9, "pulled_at": "2026-11-21T18:00:00+00:00", "damaged": False, **more,
    }  # fmt: skip


def planned(**more: Any) -> dict[str, Any]:
    files = [
        {"path": "a.gguf", "bytes": 900, "act": "fetch", "because": "weights"},
        {"path": "b.bin", "bytes": 5, "act": "leave", "because": "another format"},
    ]
    return {
        "name": "org/a", "commit": "c" * 40, "variant": "q8_0", "files": files,
        "variants": [{"name": name, "format": "gguf", "bytes": 900, "missing": []}
                     for name in ("q4_k_m", "q8_0")],
        "fetch_bytes": 900, "total_bytes": 900, "partial_bytes": 0, "free_bytes": 10**9,
        "reserve_bytes": 10**6, "because": "so much stays free", "claimed_bytes": 0,
        "budget_bytes": None, "used_bytes": 0, "fits": True, "terms": TERMS, "gated": None,
        "private": False, "token": False, "notes": [], **more,
    }  # fmt: skip


def pull(status: str, **more: Any) -> dict[str, Any]:
    return {
        "model": "org/a", "status": status, "by": "api", "asked_at": 100.0, "ended_at": None,
        "attempts": 1, "done_bytes": None, "total_bytes": None, "bytes_per_second": None,
        "seconds_left": None, "why": None, **more,
    }  # fmt: skip


def job(state: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "0a1b2c3d", "kind": "verify", "model": "org/a", "state": state, "by": "api",
        "began": 100.0, "ended": None, "stage": "", "done": 0, "total": 0, "unit": "bytes",
        "note": "", "result": None, "error": None, **more,
    }  # fmt: skip


# --- work -------------------------------------------------------------------------------------


def test_what_runs_is_shown_and_what_went_well_for_a_while() -> None:
    now = 1000.0
    good = pull("available", ended_at=now - 1)
    old = pull("available", ended_at=now - 2 * work.LASTS, asked_at=99.0)
    bad = job("failed", ended=now - 10 * work.LASTS, error={"code": "x", "message": "Why."})
    found = work.pieces([good, old, pull("downloading", asked_at=98.0)], [bad], now, ())
    assert [one.state for one in found] == ["downloading", "available", "failed"]
    assert [one.state for one in work.pieces([good], [bad], now, (found[2].key,))] == ["available"]


def test_a_proof_that_failed_is_forgotten_with_the_next() -> None:
    failed = job("failed", ended=1.0)
    later = job("running", kind="repair", id="11111111", began=200.0)
    other = job("running", kind="repair", id="22222222", began=200.0, model="org/b")
    assert [one.kind for one in work.pieces([], [failed, later], 2.0, ())] == ["repair"]
    assert len(work.pieces([], [failed, other], 2.0, ())) == 2


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (pull("requested"), "waits for its turn"),
        (pull("downloading"), "asking"),
        (pull("downloading", done_bytes=500_000, total_bytes=2_000_000,
              bytes_per_second=250_000.0, seconds_left=6.0),
         "500 kB of 2.0 MB, 250 kB/s, 6.0 s left"),
        (pull("available", ended_at=1000.0), "every byte verified"),
    ],
)  # fmt: skip
def test_how_far_a_pull_is(piece: dict[str, Any], words: str) -> None:
    (one,) = work.pieces([piece], [], 1000.0, ())
    assert work.words(one) == words


def test_what_came_of_a_job() -> None:
    clean = {"clean": True, "files": 2, "bytes": 3_000_000}
    assert work.result("verify", clean) == "clean: 2 files, 3.0 MB read"
    mended = {"mended": [{"path": "a", "fetched_bytes": 8_000}]}
    assert work.result("repair", mended) == "1 file mended, 8.0 kB fetched again"
    assert work.result("archive", {"to": "/cold", "freed_bytes": 5}) == "moved to /cold, 5 B freed"
    (one,) = work.pieces([], [job("running", done=50, total=100, stage="reading")], 110.0, ())
    assert work.words(one) == "reading: 50 B of 100 B, 5 B/s, 10 s left"


def test_damage_offers_repair_and_a_failed_pull_to_go_on() -> None:
    damaged = job("failed", ended=1.0, error={"code": "damaged_model", "message": "Bad."})
    shown = html(work.panel(work.pieces([], [damaged], 2.0, ())) or "")
    assert "Repair: Verify of org/a" in shown
    assert "Bad." in shown
    again = html(work.panel(work.pieces([pull("cancelled", ended_at=1.0)], [], 2.0, ())) or "")
    assert "Go on: Download of org/a" in again
    assert "Cancel" not in again.replace("cancelled", "")
    assert work.panel([]) is None


# --- plans ------------------------------------------------------------------------------------


def test_a_blocked_licence_is_accepted_before_anything_is_fetched() -> None:
    blocked = planned(terms={**TERMS, "decision": "block", "because": "it is on your list"})
    shut = html(hub.plan(blocked, accepted=False, back="/dashboard/models"))
    assert "it is on your list" in shut
    assert 'type="submit" disabled' in shut
    opened = html(hub.plan(blocked, accepted=True, back="/dashboard/models"))
    assert 'type="submit" disabled' not in opened
    assert "Fetch 900 B" in opened


def test_what_does_not_fit_is_not_fetched() -> None:
    shown = html(hub.plan(planned(fits=False), accepted=False, back="/dashboard/models"))
    assert "It does not fit" in shown
    assert 'type="submit" disabled' in shown


def test_what_is_kept_is_opened_instead() -> None:
    shown = html(hub.plan(planned(fetch_bytes=0), accepted=False, back="/dashboard/models"))
    assert "All of it is kept here already." in shown
    assert "/dashboard/models?model=org%2Fa%23q8_0" in shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "open to everybody"),
        ({"gated": "manual"}, "gated (manual); it needs a token"),
        ({"private": True, "token": True}, "private; the server's token is shown"),
    ],
)
def test_who_may_fetch_it(more: dict[str, Any], said: str) -> None:
    one = planned(**more)
    assert hub.access(one).startswith(said)
    asks = 'type="password"' in html(hub.plan(one, accepted=False, back="/dashboard/models"))
    assert asks is ("it needs a token" in said)


def test_a_plan_has_its_command_and_its_files() -> None:
    assert hub.command(planned()) == "ostler pull org/a#q8_0"
    assert hub.command(planned(variants=[])) == "ostler pull org/a"
    assert "2 files: 1 fetched, 1 left out" in html(hub.plan(planned(), False, "/dashboard/models"))


def test_a_refusal_asks_for_a_token_where_one_could_help() -> None:
    private = hub.refused("org/a", AuthRequired("It is private."), "/dashboard/models")
    assert 'type="password"' in html(private)
    silent = hub.refused("org/a", HubUnreachable("No answer."), "/dashboard/models")
    assert 'type="password"' not in html(silent)
    assert "Ask again" in html(silent)


def test_a_silent_hub_leaves_what_is_here() -> None:
    hits = {"results": [], "hub": "https://hub", "hub_error": "no answer", "words": "a/b"}
    shown = html(hub.searched("a/b", hits, 0, asking=False))
    assert "Only what is kept here was searched: no answer" in shown
    assert "Look at a/b" in shown
    assert "Asking the hub" in html(hub.searched("a", None, 0, asking=True))


# --- what is kept -----------------------------------------------------------------------------


@given(st.lists(st.text("abc-/", min_size=1, max_size=8), max_size=8), st.text("abc- ", max_size=4))
def test_every_word_must_be_there(names: list[str], text: str) -> None:
    models = [model(name) for name in names]
    found = kept.found(models, text)
    assert [one for one in models if one in found] == found
    for one in models:
        assert (one in found) == all(word in kept._searched(one) for word in text.split())


def test_a_thousand_models_come_by_pages() -> None:
    models = [model(f"org/model-{number:04}") for number in range(1000)]
    shown = html(kept.listing(models, "", 950, ""))
    assert shown.count("<tbody") == 50
    assert "951 to 1000 of 1000" in shown
    some = html(kept.listing(models, "0999", 0, ""))
    assert "Kept here (1 of 1000)" in some
    assert "No kept model has" in html(kept.listing(models, "nothing", 0, ""))


def test_the_disk_adds_up() -> None:
    store = {
        "home": "/home/a/.ostler", "models": [model("org/a")], "physical_bytes": 300,
        "logical_bytes": 450, "trash_bytes": 100, "free_bytes": 500, "disk_bytes": 1000,
    }  # fmt: skip
    shown = html(kept.room(store))
    for said in ("Models 200 B", "Trash 100 B", "Everything else 200 B", "Free 500 B"):
        assert said in shown
    assert "250 B are saved" in shown
    assert "1 model of 1 repository" in shown


def test_a_licence_says_what_it_asks_and_who_accepted_it() -> None:
    assert detail.licence(TERMS).startswith("apache-2.0 (Apache License 2.0): keep it.")
    assert "unknown" in detail.licence({**TERMS, "licence": None})
    accepted = {**TERMS, "accepted_by": "anna", "accepted_at": "2026-01-01"}
    assert "accepted by anna" in detail.licence(accepted)
    assert detail.policy(TERMS) is None
    assert detail.policy({**TERMS, "decision": "warn"}) == "warn: allowed"


def test_a_shape_is_written_as_far_as_it_is_known() -> None:
    known = {"architecture": "llama", "layers": 2, "hidden": 128, "heads": 1, "kv_heads": None,
             "head_dim": None, "experts": None, "vocabulary": 1600}  # fmt: skip
    assert detail.shape(known) == "llama: 2 layers, hidden size 128, 1 head, 1,600 words"
    assert detail.shape(dict.fromkeys(known)) == "unknown"


def test_trash_and_archive_say_when_they_are_empty() -> None:
    assert "The trash is empty" in html(shelf.trash([]))
    assert "Nothing is archived" in html(shelf.archive([]))
    price = {"gpu": "1x L4", "usd_per_hour": 0.5, "as_of": "2026-01-04", "stale": True}
    assert "read on 2026-01-04, stale" in html(shelf.price(price))  # type: ignore[arg-type]
    assert shelf.price({"gpu": None}) == "none holds it"
