"""The page of fits without a browser: choices in links, the waterfall's sums, offers as buttons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.dashboard.fitting import controls, places, waterfall
from ostler.faces.dashboard.fitting.choice import (
    CONTEXTS,
    SEQUENCES,
    Choice,
    nearest,
    of_query,
    steps,
)
from ostler.faces.dashboard.tree import html

sizes = st.integers(0, 2**40)
words = st.text(st.characters(codec="utf-8"), max_size=12)
choices = st.builds(
    Choice,
    model=words,
    gpu=words,
    gpus=st.integers(1, 64),
    quantization=words,
    context=st.none() | st.integers(1, 2**31),
    sequences=st.integers(1, 2**20),
    kv=words,
    margin=st.integers(0, 100),
)


def fitted(terms: list[int], margin: int, room: int | None, **more: Any) -> dict[str, Any]:
    total = sum(terms)
    place = {"id": "nvidia:0", "name": "L4", "kind": "nvidia", "room_bytes": room,
             "total_bytes": room, "fits": False, "because": "because"}  # fmt: skip
    return {
        "id": "org/a",
        "fits": False,
        "terms": [{"name": f"term {n}", "bytes": size, "because": f"why {n}"}
                  for n, size in enumerate(terms)],
        "total_bytes": total,
        "margin": {"name": "margin", "bytes": margin, "because": "10 %"},
        "required_bytes": total + margin,
        "places": [] if room is None else [place],
        "tensor_parallel": 1,
        "context": 4096,
        "longest_model": 8192,
        "longest_context": None,
        "most_sequences": 0,
        "changes": [],
        **more,
    }  # fmt: skip


# --- choices ----------------------------------------------------------------------------------


@given(choices)
def test_a_link_carries_the_whole_choice(choice: Choice) -> None:
    assert of_query(choice.query) == choice
    assert choice.body["tensor_parallel"] == choice.gpus


@given(st.dictionaries(st.sampled_from(["context", "gpus", "sequences", "margin"]), words))
def test_what_cannot_be_read_in_a_link_is_as_usual(query: dict[str, str]) -> None:
    found = of_query(query)
    assert 1 <= found.gpus <= 64
    assert 0 <= found.margin <= 100
    assert found.context is None or found.context >= 1


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("--context 8032", {"context": 8032}),
        ("--sequences 2", {"sequences": 2}),
        ("--kv-dtype q8_0", {"kv": "q8_0"}),
        ("--tp 4", {"gpus": 4}),
        ("weights in q4_k_m", {"quantization": "q4_k_m", "what_if": True}),
    ],
)
def test_what_would_make_it_fit_can_be_taken(what: str, expected: dict[str, Any]) -> None:
    before = Choice("org/a", context=32768, sequences=8)
    after = before.changed(what)
    assert after is not None
    assert {name: getattr(after, name) for name in expected} == expected
    assert after.model == before.model
    assert places.offered(what) != what
    assert before.changed("--unheard-of 1") is None


@given(st.none() | st.integers(1, 2**26), st.integers(1, 2**26))
def test_a_slider_ends_at_what_the_model_takes(longest: int | None, now: int) -> None:
    values = steps(CONTEXTS, longest)
    assert values == sorted(set(values))
    assert values[-1] == (CONTEXTS[-1] if longest is None else longest)
    place = nearest(values, now)
    assert all(abs(values[place] - now) <= abs(other - now) for other in values)


# --- the waterfall ----------------------------------------------------------------------------


@given(st.lists(sizes, min_size=1, max_size=8), sizes, sizes)
def test_each_term_begins_where_the_one_before_ends(
    terms: list[int], margin: int, room: int
) -> None:
    said = fitted(terms, margin, room)
    *parts, total, apart, required = waterfall.bars(said)
    ends = [one.start + one.size for one in parts]
    assert [one.start for one in parts] == [0, *ends[:-1]]
    assert (total.start, total.size) == (0, ends[-1])
    assert (apart.start, apart.start + apart.size) == (ends[-1], required.size)
    wide = waterfall.wide(said["required_bytes"], room)
    assert wide >= said["required_bytes"]
    assert room > waterfall.MUCH * said["required_bytes"] or wide >= room


def test_a_term_s_reason_is_shown_when_it_is_asked_for() -> None:
    said = fitted([2**30, 2**29], 2**28, 2**30)
    shut = html(waterfall.drawn(said, ()))
    assert "term 0" in shut
    assert "1.0 GiB" in shut
    assert "why 0" not in shut
    assert 'class="over"' in shut  # what is beyond the room
    assert "1.0 GiB of room" in shut
    opened = html(waterfall.drawn(said, ["term 0"]))
    assert "why 0" in opened
    assert "why 1" not in opened
    assert "1,073,741,824 bytes" in opened
    assert "far to the right" in html(waterfall.drawn(fitted([2**20], 0, 2**40), ()))
    assert "of room" not in html(waterfall.drawn(fitted([2**20], 0, None), ()))


def test_names_of_strangers_stay_text() -> None:
    said = fitted([1], 0, 10)
    said["terms"][0]["name"] = "<img src=x onerror=alert(1)>"
    said["id"] = "<script>"
    assert "<img" not in html(waterfall.drawn(said, ()))
    assert "<script" not in html(places.verdict(said))


# --- where it fits ----------------------------------------------------------------------------


def test_the_verdict_says_how_far_it_reaches() -> None:
    said = fitted([2], 1, 10, longest_context=8192, most_sequences=3)
    assert places.reach(said) == (
        "Longest context there: 8,192 tokens, all that the model takes. "
        "Most sequences of 4,096 tokens: 3."
    )
    assert "Not even one token" in places.reach(fitted([2], 1, 1))
    nowhere = fitted([2], 1, None, most_sequences=None)
    assert places.reach(nowhere) == "There is no device to hold it against."
    assert "any device here" in html(places.verdict(nowhere))


@pytest.mark.parametrize(
    ("one", "price", "read"),
    [
        ({"offered": False, "usd_per_hour": None, "as_of": None, "stale": False}, "no offer", ""),
        ({"offered": True, "usd_per_hour": None, "as_of": None, "stale": True},
         "unknown", "undated"),
        ({"offered": True, "usd_per_hour": 1.294, "as_of": "2026-01-04", "stale": True},
         "$1.29/h", "2026-01-04, stale"),
        ({"offered": True, "usd_per_hour": 0.5, "as_of": "2026-11-01", "stale": False},
         "$0.50/h", "2026-11-01"),
    ],
)  # fmt: skip
def test_a_price_has_its_day(one: dict[str, Any], price: str, read: str) -> None:
    assert (places.price(one), places.read_on(one)) == (price, read)


def test_a_control_is_made_anew_only_when_another_has_moved_it() -> None:
    ages = controls.Ages()
    before = ages.of("all", "context slid")
    ages.renew("context typed")
    assert ages.of("all", "context slid") == before
    ages.renew("context slid")
    assert ages.of("all", "context slid") != before
    assert nearest(SEQUENCES, 3) in (1, 2)
