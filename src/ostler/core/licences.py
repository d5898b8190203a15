"""What a model's licence lets one do, its bases' included, and what a policy makes of it.

Not legal advice: the terms are those of data/licences.csv, which says how far each was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostler.errors import UsageError

# What commercial use is, from the freest to the least known.
CLASSES = ("allowed", "restricted", "not-allowed", "unknown")
USES = ("private", "research", "commercial")
DECISIONS = ("allow", "warn", "block")
NO_FIELD = "(none)"

# What a use makes of each class where the operator's file says nothing.
RULES: Mapping[str, Mapping[str, str]] = {
    "private": {
        "allowed": "allow", "restricted": "allow", "not-allowed": "allow", "unknown": "warn",
    },
    "research": {
        "allowed": "allow", "restricted": "allow", "not-allowed": "warn", "unknown": "warn",
    },
    "commercial": {
        "allowed": "allow", "restricted": "warn", "not-allowed": "block", "unknown": "block",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence, as a card names it."""

    tag: str
    name: str
    kind: str  # "permissive", "copyleft", "model-licence", ...
    commercial: str  # one of CLASSES
    conditions: str
    naming: str  # what a derivative must be called; "" for nothing
    evidence: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """A model's licence and those of the models it was made from."""

    model: str
    stated: str | None  # as the card has it; None where it has nothing
    licence: Licence
    bases: tuple[tuple[str, Licence], ...] = ()

    @property
    def commercial(self) -> str:
        """Return the class of the strictest of them: who builds on a model is bound by it."""
        every = (self.licence, *(licence for _, licence in self.bases))
        return max((one.commercial for one in every), key=CLASSES.index)

    @property
    def strictest(self) -> tuple[str, Licence]:
        """Return the model, this one or a base, whose licence decides, and the licence."""
        every = ((self.model, self.licence), *self.bases)
        return max(every, key=lambda one: CLASSES.index(one[1].commercial))


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows."""

    use: str = "private"
    rules: Mapping[str, str] = field(default_factory=lambda: RULES["private"])
    tags: Mapping[str, str] = field(default_factory=dict)  # decisions for single licences
    origin: str = "default"

    @property
    def may_block(self) -> bool:
        """Say whether any licence at all would be blocked."""
        return "block" in (*self.rules.values(), *self.tags.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy makes of a model."""

    decision: str  # one of DECISIONS
    because: str


def parse(rows: Iterable[Mapping[str, str]]) -> tuple[Licence, ...]:
    """Return the licences of a table with the columns of data/licences.csv."""
    return tuple(
        Licence(
            tag=row["hf_tag"],
            name=row["name"],
            kind=row["kind"],
            commercial=row["commercial_use"],
            conditions=row["conditions"],
            naming="" if row["derivative_naming_duty"] == "no" else row["derivative_naming_duty"],
            evidence=row["evidence"],
            aliases=tuple(filter(None, row["aliases"].split("|"))),
        )
        for row in rows
    )


def classify(stated: str | None, licences: Sequence[Licence]) -> Licence:
    """Return the licence that a card's word means; of several, the strictest.

    A word that the table does not know is a licence of unknown terms under its own name.
    """
    known = {
        folded(one): licence for licence in licences for one in (licence.tag, *licence.aliases)
    }
    words = [word for word in (stated or "").split(",") if word.strip()] or [NO_FIELD]
    found = [known.get(folded(word)) or _strange(word.strip()) for word in words]
    return max(found, key=lambda one: CLASSES.index(one.commercial))


def folded(word: str) -> str:
    """Return a licence's word without case, spaces and marks."""
    return re.sub(r"[\s_]+", "-", word.strip().lower()).rstrip(".")


def _strange(word: str) -> Licence:
    why = "a licence that is not in the table; read it"
    return Licence(word, word, "none", "unknown", why, "unknown", "not read")


def sentence(licences: Sequence[Licence], stated: str) -> str:
    """Write what a licence is: `apache-2.0 (Apache License 2.0): commercial use allowed; ...`."""
    one = classify(stated, licences)
    named = f" ({one.name})" if one.name.lower() != stated.lower() else ""
    return f"{stated}{named}: commercial use {one.commercial}; {one.conditions}"


def bases(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the repositories that a model's tags say it was made from."""
    found = [tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:")]
    return tuple(dict.fromkeys(name for name in found if "/" in name))


def policy(use: str, said: Mapping[str, Any], origin: str) -> Policy:
    """Return the policy of a use with what the operator's file says. Raises UsageError.

    `said` may hold `use`, `rules` (class -> decision) and `allow`, `warn`, `block` (lists of
    licences).
    """
    strange = set(said) - {"use", "rules", *DECISIONS}
    if strange:
        raise UsageError(
            f"A licence policy has no {', '.join(sorted(strange))}.",
            hint=f"It holds use, rules, {', '.join(DECISIONS)}.",
        )
    use = use or str(said.get("use") or "private")
    if use not in USES:
        raise UsageError(f"{use!r} is no use of a model.", hint=f"One of: {', '.join(USES)}.")
    rules = said.get("rules") or {}
    if not isinstance(rules, Mapping) or not _sound(rules):
        raise UsageError(
            "The rules of a licence policy give each class a decision.",
            hint=f"Classes: {', '.join(CLASSES)}. Decisions: {', '.join(DECISIONS)}.",
        )
    tags = {folded(str(tag)): word for word in DECISIONS for tag in said.get(word) or ()}
    return Policy(use, {**RULES[use], **rules}, tags, origin)


def _sound(rules: Mapping[Any, Any]) -> bool:
    return set(rules) <= set(CLASSES) and set(rules.values()) <= set(DECISIONS)


def decide(terms: Terms, policy: Policy) -> Verdict:
    """Say what the policy makes of a model, with the licence that decided."""
    every = ((terms.model, terms.licence), *terms.bases)
    found = [(_decision(licence, policy), model, licence) for model, licence in every]
    worst, model, licence = max(found, key=lambda one: DECISIONS.index(one[0]))
    whose = "its licence" if model == terms.model else f"the licence of {model}, its base,"
    # a base whose card nobody has read may well state one
    what = "is not known here" if licence.tag == NO_FIELD else f"is {licence.tag}"
    return Verdict(
        worst,
        f"{whose} {what}: commercial use {licence.commercial} ({licence.conditions});"
        f" models are for {policy.use} use here",
    )


def _decision(licence: Licence, policy: Policy) -> str:
    names = (licence.tag, *licence.aliases)
    named = [policy.tags[folded(name)] for name in names if folded(name) in policy.tags]
    return named[0] if named else policy.rules[licence.commercial]
