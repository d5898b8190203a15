"""A model over several GPUs: over as many as are wished for, else the fewest that it fits on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.verbs.keeping import keep

from ostler.core.fleet.loading import Speed
from ostler.core.naming import Named, served_names
from ostler.core.sleeping import nap
from ostler.engines.llamacpp import LlamaCpp
from ostler.engines.vllm import Vllm
from ostler.errors import DoesNotFit, ImpossibleSplit, TooFewGpus
from ostler.faces.server.sizing import Sizing, fitting
from ostler.faces.server.wishes import ModelWish
from ostler.nouns import Device, Hardware, Installed, Measurement, Workload
from ostler.store import Store
from ostler.testing.tiny import LLAMACPP, MODELS
from ostler.verbs.prepare import Machine
from ostler.verbs.ranks import devices, prepare_ranks

GIB = 1 << 30
VLLM = Installed("vllm", "0.32.0", ("python", "-m", "vllm.entrypoints.openai.api_server"), "x")
LOAD = Workload(context=512)
HEAVY = Workload(context=2048, sequences=1024)  # a cache that is worth dividing


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def tiny(store: Store, folder: str = "tiny-llama") -> Named:
    files = {p.name: p.read_bytes() for p in (MODELS / "ostler" / folder).iterdir()}
    keep(store, files, name=f"ostler/{folder}")
    return served_names(store.models())[0]


def machine(count: int, room: int = 80 * GIB) -> Machine:
    gpus = tuple(Device("nvidia", n, "a GPU", room, room) for n in range(count))
    cpu = Device("cpu", 0, "a processor", 64 * GIB, 60 * GIB)
    hardware = Hardware("linux", "x86_64", "a processor", 8, (cpu, *gpus))
    return Machine(hardware, (Vllm(), LlamaCpp()), {"vllm": VLLM, "llamacpp": LLAMACPP})


def need(store: Store, ranks: int) -> int:
    named = tiny(store)
    return prepare_ranks(named, store, machine(8), HEAVY, ranks=ranks).estimate.required


def test_one_gpu_is_enough_where_it_fits(store: Store) -> None:
    ready = prepare_ranks(tiny(store), store, machine(4), LOAD)
    assert ready.ranks == 1
    assert "--tensor-parallel-size" not in ready.launch("127.0.0.1", 1).argv


def test_as_many_as_are_wished_for(store: Store) -> None:
    ready = prepare_ranks(tiny(store), store, machine(4), LOAD, ranks=2)
    argv = " ".join(ready.launch("127.0.0.1", 1).argv)
    assert ready.ranks == 2
    assert "--tensor-parallel-size 2" in argv
    assert devices(ready, machine(4), 2) == tuple(f"nvidia:{n}" for n in range(4))


def test_the_fewest_that_it_fits_on(store: Store) -> None:
    alone, split = need(store, 1), need(store, 2)
    assert split < alone
    ready = prepare_ranks(tiny(store), store, machine(4, room=(alone + split) // 2), HEAVY)
    assert ready.ranks == 2


def test_too_few_gpus_are_said_to_be(store: Store) -> None:
    named = tiny(store)
    with pytest.raises(TooFewGpus, match="on 4 GPUs at once, and this machine has 2"):
        prepare_ranks(named, store, machine(2), LOAD, ranks=4)
    with pytest.raises(
        TooFewGpus, match="On 2 GPUs at once, ostler/tiny-llama does not fit"
    ) as small:
        prepare_ranks(named, store, machine(2, room=GIB // 8), LOAD, ranks=2)
    assert small.value.code == "insufficient_gpu_count"
    with pytest.raises(DoesNotFit) as alone:
        prepare_ranks(named, store, machine(2, room=GIB // 8), LOAD)
    assert not isinstance(alone.value, TooFewGpus), "nobody asked for several"


def test_an_engine_that_does_not_split_says_so(store: Store) -> None:
    with pytest.raises(ImpossibleSplit):
        prepare_ranks(tiny(store, "tiny-llama-GGUF"), store, machine(2), LOAD, ranks=2)


def test_what_the_fleet_is_told(store: Store) -> None:
    here = machine(4)
    ready = prepare_ranks(tiny(store), store, here, Workload(context=512, sleeps=True), ranks=2)
    found = fitting(ready, here, {d.id: Speed() for d in here.hardware.devices}, 1e9)
    assert (found.spread, found.needs) == (2, ready.estimate.required)
    assert len(found.devices) == 4
    assert "cpu" not in found.devices
    assert found.nap == nap(ready.estimate, 2, 1e9)
    weights = next(term.bytes for term in ready.estimate.terms if term.name == "weights")
    assert found.nap is not None
    assert found.nap.kept == 2 * weights
    assert 0 < found.nap.left < found.needs - weights
    awake = fitting(
        prepare_ranks(tiny(store), store, here, LOAD), here,
        {d.id: Speed() for d in here.hardware.devices}, 1e9,
    )  # fmt: skip
    assert awake.nap is None, "nobody wished that it may sleep"


def test_a_measurement_changes_what_was_prepared(store: Store) -> None:
    import asyncio

    named, here, sizing = tiny(store), machine(1), Sizing(store)
    measured = Machine(
        here.hardware, here.engines, here.installed,
        measured=sizing.with_fresh(lambda model, family, engine: ()),
    )  # fmt: skip

    async def needs() -> int:
        ready = await sizing.prepared(named, measured, LOAD, ModelWish())
        again = await sizing.prepared(named, measured, LOAD, ModelWish())
        assert again is ready, "read once"
        return ready.estimate.required

    def took(bytes: int) -> Measurement:
        return Measurement(
            "ostler/tiny-llama", "vllm", "0.32.0", "total", bytes, variant=named.variant.name,
            context=512, sequences=1, source="device", device="nvidia:0",
        )  # fmt: skip

    before = asyncio.run(needs())
    sizing.learned([took(9 * GIB)])
    more = asyncio.run(needs())
    assert before < 9 * GIB <= more
    kept = asyncio.run(sizing.prepared(named, measured, LOAD, ModelWish()))
    sizing.learned([took(9 * GIB + 1000)])
    assert asyncio.run(sizing.prepared(named, measured, LOAD, ModelWish())) is kept, "the same"
    sizing.learned([took(12 * GIB)])
    assert asyncio.run(needs()) >= 12 * GIB
