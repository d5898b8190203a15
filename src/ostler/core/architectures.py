"""Which architectures an engine loads, and what that says of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ostler.core.versions import version_of
from ostler.nouns import Installed, ModelFacts, Verdict

CLOSEST = 3  # names that an error gives
SAME_LIST = {"ampere": "llamacpp"}  # a build of the same engine
# vLLM takes a model for another task by its language model's name: *ForRewardModel, *Model.
TASKS = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForTextEncoding",
    "ForRewardModeling",
    "ForRewardModel",
    "RewardModel",
    "EmbeddingModel",
    "Model",
)
WRITES = ("ForCausalLM", "ForConditionalGeneration")
TEXT_PARTS = ("_text_model", "_text")  # the model_type of a language part, in transformers


@dataclass(frozen=True, slots=True)
class Listed:
    """The architectures that one version of an engine loads."""

    engine: str
    version: str
    date: str  # of the release that the list was read from
    source: str
    by: str  # what the names are: "architectures", "general.architecture", ...
    via: str  # only an engine installed this way is surely of this list; empty: any way
    fallback: str  # the engine whose list counts where its own ends; empty: none
    dropped: Mapping[str, str]  # what it had once, with the last version that had it
    names: tuple[str, ...]  # sorted

    def as_facts(self, architecture: str | None = None) -> dict[str, Any]:
        """The list as data, with how many it holds and what comes closest."""
        near = {"closest": closest(architecture, self.names)} if architecture else {}
        return asdict(self) | {"count": len(self.names)} | near


def parse(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Listed]:
    """Return the lists by engine, out of architectures.json."""
    return {
        engine: Listed(**{"engine": engine, **found, "names": tuple(found["names"])})
        for engine, found in raw.items()
    }


def loads(listed: Listed, facts: ModelFacts) -> bool:
    """Whether a model's architecture or, where the engine goes by it, its model type is listed."""
    return any(name in listed.names for name in spellings(facts))


def spellings(facts: ModelFacts) -> tuple[str, ...]:
    """Return the names under which an engine may know the model, its own first."""
    own, family = facts.architecture or "", facts.family or ""
    stems = [own.removesuffix(task) for task in TASKS if own.endswith(task)]
    parts = [family.removesuffix(part) for part in TEXT_PARTS if family.endswith(part)]
    others = [stem + writes for stem in stems for writes in WRITES]
    return tuple(name for name in (own, *others, family, *parts) if name)


def held(verdict: Verdict, facts: ModelFacts, lists: Mapping[str, Listed]) -> Verdict:
    """Return what an engine says of a model it could run, held against its list.

    What is not listed is refused, unless a newer version, or the engine that it falls back on, may
    have it: that is said then. Engines without a list, and models that name nothing, pass.
    """
    listed = lists.get(SAME_LIST.get(verdict.engine, verdict.engine))
    if listed is None or facts.architecture is None or loads(listed, facts):
        return verdict
    name, installed = facts.architecture, verdict.installed
    until = listed.dropped.get(name)
    if until and installed and version_of(installed.version) <= version_of(until):
        return verdict
    fallback = lists.get(listed.fallback)
    if fallback and loads(fallback, facts):
        through = f"{name} is not among its own models; it runs them through {listed.fallback}"
        return replace(verdict, because=f"{verdict.because}; {through}") if installed else verdict
    if installed and not same(listed, installed):
        unsure = f"this one ({installed.via} {installed.version}) may have it"
        because = f"{verdict.because}; {lacking(listed, name)}, but {unsure}"
        return replace(verdict, because=because)
    gone = f"; it had it until {until}" if until else ""
    because = lacking(listed, name) + near(listed, name) + gone
    return replace(verdict, can=False, because=because, unlisted=True)


def same(listed: Listed, installed: Installed) -> bool:
    """Whether what is installed can have nothing that the list lacks."""
    if listed.via not in ("", installed.via):
        return False
    return version_of(installed.version) <= version_of(listed.version)


def lacking(listed: Listed, name: str) -> str:
    """Say which list has no such name."""
    of = f"{listed.engine} {listed.version} ({listed.date})"
    return f"{of} loads {len(listed.names)} architectures, and {name} is none of them"


def near(listed: Listed, name: str) -> str:
    """Say which names come closest, or nothing."""
    found = closest(name, listed.names)
    return f" (close to it: {', '.join(found)})" if found else ""


def closest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are most like this one, the best first.

    What most names end with counts for nothing, else each would be like each.
    """
    from difflib import get_close_matches  # takes 5 ms to load, and is for refusals alone

    own: dict[str, str] = {}
    for one in names:
        own.setdefault(stem(one), one)
    return tuple(own[one] for one in get_close_matches(stem(name), own, CLOSEST))


def stem(name: str) -> str:
    """Return a name in small letters, without the task at its end."""
    ends = (one for one in (*WRITES, *TASKS) if name.endswith(one) and name != one)
    return name.removesuffix(next(ends, "")).lower()
