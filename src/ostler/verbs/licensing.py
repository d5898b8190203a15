"""Licences: what each model's terms are, what the operator allows, and what was accepted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ostler import data
from ostler.core import licences
from ostler.core.licences import NO_FIELD, Licence, Policy, Terms, Verdict
from ostler.core.reasons import why
from ostler.errors import (
    AuthRequired,
    CorruptFile,
    GatedRepo,
    HubUnreachable,
    LicenceBlocked,
    ModelNotFound,
    TokenRejected,
    UsageError,
)
from ostler.nouns import Listing, Manifest, ModelRef
from ostler.store import Store, durable
from ostler.verbs import catalogue
from ostler.verbs.accepting import Acceptance, accepted

if TYPE_CHECKING:
    from ostler.core.catalogue import Entry
    from ostler.ports import Source

DEEPEST = 3  # bases of bases; the longest chains seen are quantized <- tuned <- instructed <- base


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy makes of one model, and whether somebody accepted its licence."""

    terms: Terms
    verdict: Verdict
    accepted: Acceptance | None = None

    @property
    def allowed(self) -> bool:
        return self.verdict.decision != "block" or self.accepted is not None


def policy(home: Path, use: str, file: Path | None) -> Policy:
    """Return the operator's policy: the setting's use, and the file where there is one.

    Raises UsageError where the file cannot be understood.
    """
    path = file or home / "licences.yaml"
    if not path.exists():
        if file:
            raise UsageError(f"There is no licence policy at {path}.", hint="ostler config")
        return licences.policy(use, {}, "setting" if use else "default")
    import yaml  # what few have a file for, no pull waits for

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"The licence policy {path} cannot be read: {why(error)}.") from error
    if not isinstance(said, dict):
        raise UsageError(f"The licence policy {path} holds no names with values.")
    return licences.policy(use, said, str(path))


@dataclass(frozen=True, slots=True)
class Registrar:
    """Knows the licences of models: those kept here, those of the catalogue, those of a hub."""

    home: Path
    manifests: Sequence[Manifest]
    entries: Sequence[Entry]
    policy: Policy
    source: Source | None = None  # None: no hub is asked

    def ruling(self, model: Manifest | Listing) -> Ruling:
        """Say what the policy makes of a model at its commit."""
        terms = self.terms(model)
        return Ruling(
            terms,
            licences.decide(terms, self.policy),
            accepted(self.home, model.name, model.commit),
        )

    def terms(self, model: Manifest | Listing) -> Terms:
        """Return the licence of a model and of what it was made from."""
        own = licences.classify(model.licence, data.licences())
        found = self._remembered(model)
        if found is None:
            names = self._based_on(model.name, model.tags)
            found = tuple(self._bases(names, {model.name}, DEEPEST))
        return Terms(model.name, model.licence, own, found)

    def blocked(self, entry: Entry) -> str:
        """Say why the policy blocks a model of the catalogue; "" where it does not."""
        own = licences.classify(entry.licence, data.licences())
        found = tuple(self._bases(entry.base, {entry.repo}, DEEPEST))
        verdict = licences.decide(Terms(entry.id, entry.licence, own, found), self.policy)
        return verdict.because if verdict.decision == "block" else ""

    def _remembered(self, model: Manifest | Listing) -> tuple[tuple[str, Licence], ...] | None:
        """Return the bases as they were found when the model came, where a hub was asked."""
        path = findings(self.home, model.name, model.commit)
        if self.source or not path.exists():
            return None
        try:
            said = json.loads(path.read_bytes())
            return tuple(
                (str(name), licences.classify(stated, data.licences())) for name, stated in said
            )
        except (ValueError, TypeError) as error:
            raise CorruptFile(
                f"{path} is damaged: {why(error)}.",
                hint=f"Remove {path}; `ostler licences --ask` again.",
            ) from error

    def remember(self, terms: Terms, commit: str) -> None:
        """Keep what a hub said of a model's bases, for when none can be asked."""
        if self.source and terms.bases:
            said = [(name, None if one.tag == NO_FIELD else one.tag) for name, one in terms.bases]
            path = findings(self.home, terms.model, commit)
            durable.write(path, json.dumps(said, indent=1).encode())

    def _bases(
        self, names: Iterable[str], seen: set[str], depth: int
    ) -> Iterable[tuple[str, Licence]]:
        for name in names:
            if name in seen or not depth:
                continue
            seen.add(name)
            stated, further = self._of(name)
            yield name, licences.classify(stated, data.licences())
            yield from self._bases(further, seen, depth - 1)

    def _of(self, name: str) -> tuple[str | None, tuple[str, ...]]:
        """Return the licence of a repository and its bases, from the nearest that knows."""
        for manifest in self.manifests:
            if name == manifest.name or name in manifest.aliases:
                return manifest.licence, self._based_on(name, manifest.tags)
        entry = self.entry(name)
        if entry and entry.licence:
            return entry.licence, entry.base
        asked = self._asked(name)
        if asked:
            return asked.licence, self._based_on(name, asked.tags)
        return data.base_licences().get(name), entry.base if entry else ()

    def _asked(self, name: str) -> Listing | None:
        """Ask the hub, where there is one to ask; None where it does not say."""
        try:
            return self.source.listing(ModelRef(name)) if self.source else None
        except (ModelNotFound, AuthRequired, GatedRepo, TokenRejected, HubUnreachable):
            return None

    def _based_on(self, name: str, tags: Iterable[str]) -> tuple[str, ...]:
        entry = self.entry(name)
        return licences.bases(tags) or (entry.base if entry else ())

    def entry(self, name: str) -> Entry | None:
        """Return the catalogue's entry of a repository; None where it has none."""
        return next((one for one in self.entries if name in (one.repo, *one.renamed_from)), None)


def registrar(store: Store, policy: Policy, source: Source | None = None) -> Registrar:
    """Return what knows the licences of the models of a store."""
    shelf = catalogue.shelf(store.home)
    return Registrar(store.home, store.manifests(), shelf.entries, policy, source)


def findings(home: Path, model: str, commit: str) -> Path:
    """Return where the licences of a model's bases are remembered."""
    return home / "licences" / "bases" / f"{model.replace('/', '--')}@{commit}.json"


def enforce(ruling: Ruling) -> None:
    """Raise LicenceBlocked where the policy forbids a model and nobody accepted its licence."""
    if ruling.allowed:
        return
    terms = ruling.terms
    raise LicenceBlocked(
        f"The licence policy blocks {terms.model}: {ruling.verdict.because}.",
        hint="If you hold the right to use it so, say so on record: --accept-licence with"
        f" `ostler pull`, or `ostler licences accept {terms.model}` where it is kept.",
        model=terms.model,
        licence=terms.stated,
        commercial=terms.commercial,
        decided_by=terms.strictest[0],
    )


def gate(home: Path, use: str, file: Path | None) -> Callable[[Manifest], None]:
    """Return what refuses to start a model that the policy blocks. It asks no hub."""

    def permit(manifest: Manifest) -> None:
        rules = policy(home, use, file)
        if rules.may_block:
            enforce(registrar(Store(home), rules).ruling(manifest))

    return permit


def report(known: Registrar) -> list[tuple[Manifest, Ruling, str]]:
    """Return every kept model with its ruling, and where the catalogue says another licence."""
    rows = []
    for manifest in known.manifests:
        entry = known.entry(manifest.name)
        said = entry.licence if entry else None
        other = ""
        if said and manifest.licence and said != manifest.licence:
            other = f"licence_mismatch: the catalogue says {said}"
        rows.append((manifest, known.ruling(manifest), other))
    return rows


def as_dict(ruling: Ruling) -> dict[str, Any]:
    """Return a ruling for JSON."""
    terms = ruling.terms
    return {
        "licence": terms.stated,
        "licence_name": terms.licence.name,
        "kind": terms.licence.kind,
        "commercial_use": terms.commercial,
        "conditions": terms.licence.conditions,
        "derivative_naming": terms.licence.naming,
        "evidence": terms.licence.evidence,
        "bases": [{"model": name, "licence": one.tag, "commercial_use": one.commercial}
                  for name, one in terms.bases],
        "decision": ruling.verdict.decision,
        "because": ruling.verdict.because,
        "accepted": asdict(ruling.accepted) if ruling.accepted else None,
    }  # fmt: skip
