"""What this machine has: devices, engines, tools, and what was measured here."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ostler.errors import UsageError
from ostler.settings import Settings
from ostler.wiring.homes import has_records, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ostler.nouns import Device, Installed, Measurement
    from ostler.ports import Engine
    from ostler.verbs.learning import Reading
    from ostler.verbs.prepare import Machine


def devices() -> Sequence[Device]:
    """Return this machine's devices with what is free on them now."""
    from ostler.probe import probe

    return probe().devices


def machine(settings: Settings, *, remembers: bool = True) -> Machine:
    """Look at this machine: its devices, which engines are installed, what was measured here.

    Without `remembers` the records stay closed: opening them takes a quarter of a second.
    """
    from ostler.core.choosing import pick
    from ostler.launchers.discovery import installed
    from ostler.probe import probe
    from ostler.verbs.licensing import gate
    from ostler.verbs.prepare import Machine

    hardware, known, found = probe(), engines(settings), installed(settings.engines_dir)
    picked = {one.name: pick(found, one.name, hardware) for one in known}
    permit = gate(settings.home, settings.licence_use, settings.licence_policy)
    one = Machine(hardware, known, {name: one for name, one in picked.items() if one}, permit)
    if not (remembers and has_records(settings)):
        return one

    def measured(model: str, family: str | None, engine: str) -> tuple[Measurement, ...]:
        with closing(records(settings)) as opened:
            return opened.measurements.about(model, family, engine)

    return replace(one, measured=measured)


def engines(settings: Settings, run_dir: str | None = None) -> tuple[Engine, ...]:
    """Return every engine that Ostler can start; `run_dir` is for those that start elsewhere."""
    from ostler.engines.infinity import Infinity
    from ostler.engines.llamacpp import AmpereLlamaCpp, LlamaCpp
    from ostler.engines.mlx import Mlx
    from ostler.engines.sglang import Sglang
    from ostler.engines.transformers import Transformers
    from ostler.engines.triton import Triton
    from ostler.engines.vllm import Vllm

    run_dir = run_dir or str(settings.run_dir)
    return (
        *(LlamaCpp(), AmpereLlamaCpp(), Vllm(), Sglang()),
        *(Mlx(run_dir), Transformers(run_dir), Infinity(), Triton(run_dir)),
    )


def engine(settings: Settings, name: str, run_dir: str | None = None) -> Engine:
    """Return one engine. Raises UsageError for a name that none has."""
    known = {one.name: one for one in engines(settings, run_dir)}
    if name not in known:
        raise UsageError(
            f"There is no engine {name!r}; there are {', '.join(known)}.", hint="ostler engine ls"
        )
    return known[name]


def installed(settings: Settings, engine: str) -> Installed | None:
    """Return the build of an engine that this machine would run; None: there is none."""
    from ostler.core.choosing import pick
    from ostler.launchers.discovery import installed
    from ostler.probe import probe

    return pick(installed(settings.engines_dir), engine, probe())


def tools(settings: Settings) -> tuple[Installed, ...]:
    """Return the programs that make weights smaller, as far as they are installed here."""
    from ostler.launchers import tools

    return tools.tools(settings.engines_dir)


def reading() -> Reading:
    """Return how this machine says what a running engine takes."""
    from ostler.probe.processes import gpu_memory_of, memory_of, worked
    from ostler.verbs.learning import Reading

    return Reading(memory_of, gpu_memory_of, worked)


def gpuhunt_items(providers: tuple[str, ...]) -> Iterable[object]:
    """Return what the library gpuhunt offers. Raises UsageError where it is absent."""
    from ostler.clouds import gpuhunt

    return gpuhunt.items(providers)
