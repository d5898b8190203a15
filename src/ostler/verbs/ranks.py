"""Prepare a model for one device, or for several at once where it takes more than one has."""

from __future__ import annotations

from dataclasses import replace

from ostler.core.naming import Named
from ostler.core.placing import place
from ostler.errors import DoesNotFit, EngineUnsupported, ImpossibleSplit, TooFewGpus
from ostler.nouns import Device, Workload
from ostler.store import Store
from ostler.verbs.prepare import Machine, Prepared, prepare

MOST = 8  # GPUs that one engine is given unasked; they are powers of two, as heads divide by these


def prepare_ranks(
    named: Named,
    store: Store,
    machine: Machine,
    workload: Workload,
    wanted: str | None = None,
    ranks: int | None = None,
) -> Prepared:
    """Prepare a model over so many GPUs; None: over one, or over the fewest that it fits on.

    Raises what `prepare` raises, and TooFewGpus where fewer than `ranks` have the room.
    """
    if ranks is not None:
        return _over(named, store, machine, workload, wanted, ranks)
    try:
        return prepare(named, store, machine, workload, wanted)
    except DoesNotFit:
        count = 2
        while count <= min(MOST, max(map(len, _gpus(machine).values()), default=0)):
            try:
                return _over(named, store, machine, workload, wanted, count)
            except (DoesNotFit, EngineUnsupported, ImpossibleSplit):
                count *= 2
        raise


def _over(
    named: Named, store: Store, machine: Machine, workload: Workload, wanted: str | None, ranks: int
) -> Prepared:
    load = replace(workload, tensor_parallel=ranks)
    if ranks == 1:
        return prepare(named, store, machine, load, wanted)
    most = max(map(len, _gpus(machine).values()), default=0)
    if most < ranks:
        raise TooFewGpus(
            f"{named.id} is to run on {ranks} GPUs at once, and this machine has {most} alike.",
            hint=f"Wish for fewer: `tensor_parallel` of {named.id} in ostler.yaml.",
            ranks=ranks,
            gpus=most,
        )
    hint = f"See what takes the room: ostler fit {named.id} --tp {ranks}"
    try:
        ready = prepare(named, store, machine, load, wanted)
    except DoesNotFit as error:
        what = f"On {ranks} GPUs at once, {error.what}"
        raise TooFewGpus(what, hint=hint, ranks=ranks, gpus=0) from None
    able = len(devices(ready, machine, ranks))
    if able < ranks:
        what = f"{named.id} is to run on {ranks} GPUs at once, and {able} of them have the room."
        raise TooFewGpus(what, hint=hint, ranks=ranks, gpus=able)
    return ready


def devices(ready: Prepared, machine: Machine, ranks: int) -> tuple[str, ...]:
    """Return the devices that it could run on, best first; over several GPUs, of one kind."""
    kinds = ready.choice.kinds
    placed = [
        one
        for one in place(ready.estimate, machine.hardware)
        if not kinds or one.device.kind in kinds
    ]
    if ranks == 1:
        return tuple(one.device.id for one in placed)
    fitting = [one.device for one in placed if one.fits and one.device.kind != "cpu"]
    alike = [[one for one in fitting if one.kind == kind] for kind in _gpus(machine)]
    return tuple(one.id for one in max(alike, key=len, default=[]))


def _gpus(machine: Machine) -> dict[str, list[Device]]:
    """The machine's GPUs by their kind."""
    found: dict[str, list[Device]] = {}
    for device in machine.hardware.devices:
        if device.kind != "cpu":
            found.setdefault(device.kind, []).append(device)
    return found
