"""Placing: every device gets its answer with numbers, the best first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.placing import place, reserved
from ostler.nouns import Device, Estimate, Hardware, Term

GIB, GB = 2**30, 10**9


def needing(total: int, margin: int = 0) -> Estimate:
    return Estimate("llamacpp", 1, 1, (Term("weights", total, "x"),), Term("margin", margin, "x"))


def machine(*devices: Device) -> Hardware:
    return Hardware("linux", "x86_64", "A CPU", 4, devices)


def device(kind: str, total: int, free: int | None = None, index: int = 0) -> Device:
    return Device(kind, index, f"a {kind}", total, total if free is None else free)


def test_the_margin_decides_by_one_rule():
    card = machine(device("nvidia", 24 * GB))
    (fits,) = place(needing(217 * GB // 10, 217 * GB // 100), card)  # 23.87 GB
    assert fits.fits
    (too_large,) = place(needing(219 * GB // 10, 219 * GB // 100), card)  # 24.09 GB
    assert not too_large.fits
    assert too_large.because == "22.4 GiB needed, 22.4 GiB free: 85.8 MiB too little"


def test_unified_memory_keeps_room_for_the_system():
    laptop = machine(device("cpu", 16 * GB))
    (placed,) = place(needing(9 * GB), laptop, reserve=8 * GB)
    assert not placed.fits
    assert "7.5 GiB free without what the system keeps" in placed.because
    (smaller,) = place(needing(8 * GB), laptop, reserve=8 * GB)
    assert smaller.fits


def test_the_default_reserve_is_a_tenth_and_at_most_4_gib():
    assert reserved(device("cpu", 20 * GIB)) == 2 * GIB
    assert reserved(device("cpu", 512 * GIB)) == 4 * GIB
    assert reserved(device("nvidia", 20 * GIB)) == 0


def test_what_others_use_is_not_free():
    (placed,) = place(needing(5 * GIB), machine(device("cpu", 16 * GIB, 4 * GIB)))
    assert placed.because == "5.0 GiB needed, 4.0 GiB free: 1.0 GiB too little"


def test_a_fitting_gpu_comes_before_the_cpu_and_the_cpu_before_a_full_gpu():
    cpu, full = device("cpu", 64 * GIB), device("nvidia", 8 * GIB, 1 * GIB)
    roomy = device("nvidia", 24 * GIB, 20 * GIB, index=1)
    placed = place(needing(10 * GIB), machine(cpu, full, roomy))
    assert [placement.device for placement in placed] == [roomy, cpu, full]


kinds = st.sampled_from(["cpu", "nvidia", "amd", "apple"])
sizes = st.integers(0, 10**12)
devices = st.builds(device, kinds, sizes, sizes, st.integers(0, 7))


@given(st.lists(devices, max_size=6), sizes, sizes)
def test_nothing_is_overcommitted_and_every_device_answers(found, total, margin):
    wanted = needing(total, margin)
    placed = place(wanted, machine(*found))
    assert sorted(map(id, found)) == sorted(id(placement.device) for placement in placed)
    for placement in placed:
        assert placement.because
        if placement.fits:
            assert wanted.required <= placement.device.free_bytes
    fitting = [placement.fits for placement in placed]
    assert fitting == sorted(fitting, reverse=True)
