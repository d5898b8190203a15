"""From a kept model to everything that starts it: facts, engine, need, place, process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ostler import data
from ostler.core.choosing import choose
from ostler.core.learning import helpful
from ostler.core.naming import Named
from ostler.errors import DamagedModel, DoesNotFit
from ostler.nouns import (
    Choice,
    Estimate,
    Hardware,
    Installed,
    LaunchSpec,
    Manifest,
    Measurement,
    ModelFacts,
    Placement,
    Served,
    Task,
    Workload,
)
from ostler.ports import Engine
from ostler.store import Store, servable
from ostler.verbs.fit import fit, within
from ostler.verbs.inspect import kept_facts


def permit_all(manifest: Manifest) -> None:
    """Refuse no model."""


def nothing_measured(model: str, family: str | None, engine: str) -> tuple[Measurement, ...]:
    """Know of no measurement."""
    return ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What models are started with here, and which of them may be."""

    hardware: Hardware
    engines: Sequence[Engine]
    installed: Mapping[str, Installed]
    permit: Callable[[Manifest], None] = permit_all  # raises LicenceBlocked
    measured: Callable[[str, str | None, str], Sequence[Measurement]] = nothing_measured

    def engine(self, name: str) -> Engine:
        """Return the engine of this name."""
        return next(engine for engine in self.engines if engine.name == name)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that only lacks a port to be started."""

    served: Served
    choice: Choice
    engine: Engine
    estimate: Estimate
    placement: Placement
    launch: Callable[[str, int], LaunchSpec]  # (host, port) -> the process to be
    ranks: int = 1  # GPUs that share each layer; the estimate is then of one of them


def prepare(
    named: Named, store: Store, machine: Machine, workload: Workload, wanted: str | None = None
) -> Prepared:
    """Read what the model is, choose its engine, and say what it needs and where it goes.

    Raises LicenceBlocked, DamagedModel, CorruptFile, EngineUnsupported, ContextTooLong, DoesNotFit.
    """
    machine.permit(named.manifest)
    refuse_damaged(named, store)
    facts = kept_facts(store, named.manifest, named.variant)
    choice = choose_engine(facts, machine, wanted)
    workload = within(facts, workload)
    found = fit(
        facts, workload, choice.engine, machine.hardware,
        kinds=choice.kinds, version=choice.installed.version, model=named.manifest.name,
        measured=known(named, facts, choice, machine),
    )  # fmt: skip
    placement = found.placements[0]
    if not placement.fits:
        raise DoesNotFit(
            f"{named.id} does not fit: {placement.because}",
            hint=f"See what takes the room, and what less would do: ostler fit {named.id}",
            required=found.estimate.required,
        )
    served = as_served(named, store, facts)
    load = replace(workload, context=found.estimate.context)
    engine = machine.engine(choice.engine)

    def launch(host: str, port: int) -> LaunchSpec:
        return engine.launch(choice.installed, served, load, host, port)

    ranks = workload.tensor_parallel
    return Prepared(served, choice, engine, found.estimate, placement, launch, ranks)


def refuse_damaged(named: Named, store: Store) -> None:
    """Raise DamagedModel where a file is gone, short, or was found to have other bytes."""
    others = {path for one in servable(named.manifest) for path in one.files}
    others -= set(named.variant.files)
    files = [file for file in named.manifest.files if file.path not in others]
    lost = [file.path for file in files if not store.blobs.has(file.sha256, file.size)]
    marked = store.damage.of(file.sha256 for file in files)
    wrong = [file.path for file in files if file.sha256 in marked]
    if lost or wrong:
        what = f"not whole here: {', '.join(lost)}" if lost else f"damaged: {', '.join(wrong)}"
        raise DamagedModel(
            f"{named.id} is {what}.",
            hint=f"`ostler verify {named.manifest.name} --repair` fetches what is wrong again.",
            lost=lost,
            damaged=wrong,
        )


def known(
    named: Named, facts: ModelFacts, choice: Choice, machine: Machine
) -> tuple[Measurement, ...]:
    """Return what the model, else its family, took before on this version of the engine."""
    model, family = named.manifest.name, facts.family or facts.architecture
    measured = machine.measured(model, family, choice.engine)
    return helpful(measured, model, named.variant.name, family, choice.installed.version)


def choose_engine(facts: ModelFacts, machine: Machine, wanted: str | None = None) -> Choice:
    """Ask every engine what it says of the model, and choose.

    Raises EngineUnsupported, UnsupportedArchitecture.
    """
    verdicts = [
        engine.judge(facts, machine.hardware, machine.installed.get(engine.name))
        for engine in machine.engines
    ]
    return choose(facts, machine.hardware, verdicts, wanted, data.architectures())


def as_served(named: Named, store: Store, facts: ModelFacts) -> Served:
    """Return the model as an engine takes it: a folder, its weights, the names to serve."""
    folder = store.folder(named.manifest)
    return Served(
        id=named.id,
        folder=str(folder),
        weights=str(folder / named.variant.files[0]),
        task=facts.task or Task.CHAT,
        facts=facts,
        aliases=named.aliases,
    )
