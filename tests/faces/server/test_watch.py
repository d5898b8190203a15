"""Devices that fill up are told of once, and shown for as long as they are full."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.filling import nearly_full
from ostler.faces.server.watch import Watch
from ostler.nouns import Device

GIB = 2**30


def card(free: int, index: int = 0) -> Device:
    return Device("nvidia", index, "RTX 3090", 24 * GIB, free)


@given(st.integers(1, 2**40), st.data())
def test_a_device_is_crowded_from_its_share_on(total: int, data: st.DataObject) -> None:
    free = data.draw(st.integers(0, total))
    found = nearly_full([Device("nvidia", 0, "X", total, free)])
    assert bool(found) is (100 * (total - free) // total >= 95)
    assert nearly_full([Device("nvidia", 0, "X", 0, 0)]) == ()


def test_who_fills_up_is_told_once_each_time() -> None:
    looks = iter([(card(12 * GIB), card(GIB, 1)), (card(GIB), card(GIB, 1)), (card(12 * GIB),)])
    told: list[str] = []
    seen: list[tuple[str, ...]] = []

    async def story() -> None:
        with suppress(RuntimeError):  # the looks have come to their end
            await watch.run()

    def look() -> tuple[Device, ...]:
        seen.append(watch.warnings)
        return next(looks, None) or done()

    def done() -> tuple[Device, ...]:
        raise RuntimeError

    watch = Watch(look, told.append, every=0)
    asyncio.run(story())
    assert [words.split()[0] for words in told] == ["nvidia:1", "nvidia:0"]
    assert "1.0 GiB of 24.0 GiB free: 95 %" in told[0]
    assert [len(words) for words in seen] == [0, 1, 2, 0]
