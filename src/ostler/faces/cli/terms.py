"""A model's licence, held against the operator's policy, at a pull."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from getpass import getuser

from ostler import wiring
from ostler.nouns import Listing, Manifest, PullPlan
from ostler.ports import Source
from ostler.settings import Settings
from ostler.verbs import accepting, licensing
from ostler.verbs.accepting import Acceptance
from ostler.verbs.licensing import Registrar, Ruling


def registrar(settings: Settings, source: Source | None = None) -> Registrar:
    """Return what knows licences here, and asks `source` for bases that nobody here knows."""
    rules = licensing.policy(settings.home, settings.licence_use, settings.licence_policy)
    return licensing.registrar(wiring.store(settings), rules, source)


def held(
    settings: Settings, plan: PullPlan, source: Source, accepted: bool, dry_run: bool
) -> PullPlan:
    """Return the plan with the policy's word among its notes.

    A dry run only shows it. Otherwise, `accepted` writes down who accepts the licence, and a
    model that is blocked raises LicenceBlocked.
    """
    rules = licensing.policy(settings.home, settings.licence_use, settings.licence_policy)
    # without a policy that may block, a pull is spared the further questions
    known = registrar(settings, source if rules.may_block else None)
    ruling = known.ruling(plan.listing)
    if not dry_run:
        known.remember(ruling.terms, plan.listing.commit)
        if accepted:
            ruling = replace(ruling, accepted=accept(settings, ruling, plan.listing))
        licensing.enforce(ruling)
    if ruling.verdict.decision == "allow":
        return plan
    word = "accepted on record" if ruling.accepted else ruling.verdict.decision
    return replace(plan, notes=(*plan.notes, f"licence ({word}): {ruling.verdict.because}"))


def accept(settings: Settings, ruling: Ruling, model: Manifest | Listing) -> Acceptance:
    """Write down that the user of this terminal accepts a licence, now."""
    rules = licensing.policy(settings.home, settings.licence_use, settings.licence_policy)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    store = wiring.store(settings)
    return accepting.accept(store, ruling.terms, model.commit, rules.use, getuser(), now)


def keep_texts(settings: Settings, manifest: Manifest) -> None:
    """Add the texts that came with a model to the record of its acceptance."""
    accept(settings, registrar(settings).ruling(manifest), manifest)
