"""Fit: the estimate, every device's answer, and all notes in one value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler import data
from ostler.core.gpus import find
from ostler.errors import ContextTooLong, Contradiction
from ostler.nouns import Device, Format, Hardware, Matrix, ModelFacts, Task, Workload
from ostler.verbs.fit import check, explore, fit, on_gpus, within

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


def test_how_far_the_best_device_reaches_and_no_change_where_it_fits():
    found = fit(MODEL, Workload(), "llamacpp", MACHINE)
    seen = explore(MODEL, Workload(), "llamacpp", found)
    assert seen is not None
    assert (seen.device, seen.reach.context, seen.reach.at_models_end) == (CPU, 4096, True)
    assert seen.reach.sequences > 1
    assert seen.changes == ()


def test_what_would_make_it_fit_is_said_for_the_device_that_came_nearest():
    load = Workload(context=4096, sequences=6)
    room = on_gpus(find("RTX 4070", data.gpus()), 1)
    found = fit(MODEL, load, "llamacpp", room)
    seen = explore(MODEL, load, "llamacpp", found)
    assert seen is not None
    assert not found.fits
    assert seen.changes[0].what == "--kv-dtype q8_0"
    assert all(one.required <= room.devices[0].free_bytes for one in seen.changes)


def test_several_gpus_are_one_device_with_the_room_of_each():
    (device,) = on_gpus(find("L4", data.gpus()), 4).devices
    assert (device.name, device.kind) == ("4x L4", "nvidia")
    assert device.free_bytes == 23034 * 2**20


def test_a_context_beyond_the_models_is_refused():
    with pytest.raises(ContextTooLong, match=r"9,000 tokens .* takes 4,096") as refusal:
        within(MODEL, Workload(context=9000))
    assert refusal.value.hint.startswith("Take --context 4096 or less.")
    within(MODEL, Workload(context=4096))
    within(replace(MODEL, context_length=None), Workload(context=9000))
    stretched = Workload(context=9000, flags=(("rope-scaling", "yarn"),))
    assert within(MODEL, stretched).context == 9000


def test_a_context_for_all_models_is_at_most_what_each_takes():
    assert within(MODEL, Workload(context=9000, for_all=True)).context == 4096
    assert within(MODEL, Workload(context=1000, for_all=True)).context == 1000
    assert within(MODEL, Workload(for_all=True)).context is None


def test_a_config_that_its_weights_belie_is_refused():
    described = replace(MODEL, matrices=(Matrix("token_embd", 10**9, 4),))
    with pytest.raises(Contradiction, match="4,000,000,000 parameters, and the weights have 8,000"):
        check(described)
    check(replace(MODEL, matrices=(Matrix("token_embd", 10**9, 8),)))
    check(replace(described, unknown=("architecture_unknown: 'x' is not known",)))
