"""Which engine an estimate supposes, on which devices, and what was measured there before.

Where no engine here runs the model, its estimate is still of use: for the engine that would.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ostler.core.learning import helpful
from ostler.errors import EngineUnsupported
from ostler.nouns import Format, Hardware, Measurement, ModelFacts, Workload
from ostler.verbs.prepare import Machine, choose_engine

OF_GPUS = ("vllm", "sglang", "tensorrt-llm")
ON_GPUS = {Format.GGUF: "llamacpp", Format.SAFETENSORS: "vllm"}  # what usually runs a format there
OTHER = "transformers"


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is to be estimated: the engine with its version, the devices, and why these."""

    engine: str
    version: str | None
    hardware: Hardware
    kinds: tuple[str, ...]
    why: str
    measured: tuple[Measurement, ...] = ()


def suppose(
    name: str, variant: str, facts: ModelFacts, machine: Machine, room: Hardware | None,
    engine: str | None, version: str | None,
) -> Supposed:  # fmt: skip
    """Return the engine to estimate for and the devices it uses, with what was measured before.

    `name` is the repository's, `variant` the kept one's; `room` are GPUs that were named in place
    of the machine.
    """
    if room is not None:
        usual = engine or usually(facts)
        return Supposed(usual, version, room, (), f"on {room.devices[0].name}")
    try:
        choice = choose_engine(facts, machine, engine)
    except EngineUnsupported as refusal:
        usual = engine or ("llamacpp" if facts.format is Format.GGUF else OTHER)
        why = f"not startable here: {refusal.what}"
        return Supposed(usual, version, machine.hardware, (), why)
    family = facts.family or facts.architecture
    measured = machine.measured(name, family, choice.engine)
    own = version or choice.installed.version
    helps = helpful(measured, name, variant, family, own)
    return Supposed(choice.engine, own, machine.hardware, choice.kinds, choice.rule, helps)


def usually(facts: ModelFacts) -> str:
    """Return the engine that usually runs a model of this format on GPUs."""
    return ON_GPUS.get(facts.format, OTHER)


def with_own_type(workload: Workload) -> Workload:
    """Return the workload with the cache in the type that the model computes in."""
    return replace(workload, kv_dtype="auto")
