"""Fit: the estimate, every device's answer, and all notes in one value."""

from __future__ import annotations

from ostler.nouns import Device, Format, Hardware, ModelFacts, Task, Workload
from ostler.verbs.fit import fit

GIB = 2**30
MODEL = ModelFacts(
    format=Format.GGUF,
    architecture="llama",
    task=Task.CHAT,
    parameters=8 * 10**9,
    weight_bytes=8 * GIB,
    dtype="Q8_0",
    context_length=4096,
    layers=32,
    hidden=4096,
    kv_heads=8,
    head_dim=128,
    vocabulary=128256,
    feed_forward=14336,
    attention="full",
    unknown=("A fact is missing.",),
)
CPU = Device("cpu", 0, "a CPU", 64 * GIB, 60 * GIB)
GPU = Device("nvidia", 0, "a GPU", 8 * GIB, 8 * GIB)
MACHINE = Hardware("linux", "x86_64", "a CPU", 8, (GPU, CPU), ("A note on the machine.",))


def test_a_model_too_large_for_the_gpu_fits_beside_it():
    found = fit(MODEL, Workload(context=9000), "llamacpp", MACHINE)
    assert found.fits
    assert [(one.device, one.fits) for one in found.placements] == [(CPU, True), (GPU, False)]
    assert all(one.required == found.estimate.required for one in found.placements)
    assert found.notes == (
        "context_exceeds_model: 9,000 tokens were asked for, the model takes 4,096.",
        "A fact is missing.",
        "A note on the machine.",
    )


def test_only_devices_that_the_engine_can_use_are_asked():
    found = fit(MODEL, Workload(), "llamacpp", MACHINE, kinds=("nvidia",))
    assert [one.device for one in found.placements] == [GPU]
    assert not found.fits


def test_method_margin_and_reserve_are_passed_on():
    found = fit(
        MODEL, Workload(), "llamacpp", MACHINE, method="soong", margin_percent=0, reserve=60 * GIB
    )
    assert found.estimate.total == found.estimate.required == 12_800_000_000
    assert not found.fits
