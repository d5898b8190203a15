"""Room: what fits, what does not, and what would have to go first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.budget import GIB, Room, first_to_go, reserve
from ostler.nouns import KeptFile, Manifest

amounts = st.integers(0, 2**42)


@given(amounts, amounts, amounts, amounts, st.none() | amounts, amounts)
def test_it_fits_exactly_where_nothing_is_lacking(
    needed: int, free: int, kept_free: int, claimed: int, budget: int | None, used: int
) -> None:
    room = Room(needed, free, kept_free, claimed=claimed, budget=budget, used=used)
    assert room.fits == (room.lacking == 0)
    if needed and room.lacking:
        freed = Room(needed, free + room.lacking, kept_free, claimed=claimed, budget=budget,
                     used=used - room.lacking)  # fmt: skip
        assert freed.fits


def test_the_reserve_is_the_users_or_ours() -> None:
    assert reserve(100 * GIB, None)[0] == GIB
    assert reserve(10 * GIB, None)[0] == GIB // 2
    assert reserve(10 * GIB, 5)[0] == 5


def model(name: str, day: str, **files: int) -> Manifest:
    kept = tuple(KeptFile(one, size, one * 64) for one, size in files.items())
    return Manifest("hf", name, "c" * 40, kept, pulled_at=day)


def test_the_oldest_goes_first_and_what_is_shared_frees_nothing() -> None:
    old = model("acme/old", "2026-01-01", a=100, b=50)
    new = model("acme/new", "2026-02-01", b=50, c=10)
    (one,) = first_to_go([new, old], 100)
    assert (one.name, one.freed, one.because) == ("acme/old", 100, "pulled on 2026-01-01")
    both = first_to_go([new, old], 101)
    assert [(leaving.name, leaving.freed) for leaving in both] == [
        ("acme/old", 100),
        ("acme/new", 60),
    ]
    assert first_to_go([old], 0) == ()
