"""A model's facts for `info` and `fit`: from the store if it is kept, else from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ostler import wiring
from ostler.core import quants
from ostler.core.refs import parse
from ostler.errors import ModelNotFound, OfflineMissing, UnknownModel
from ostler.faces.cli.waiting import waiting
from ostler.nouns import Listing, Manifest, ModelFacts, Variant
from ostler.settings import Settings
from ostler.verbs.inspect import kept_facts, remote_facts


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one variant of a model."""

    id: str
    facts: ModelFacts
    variant: Variant
    origin: Manifest | Listing  # a manifest where it is kept here

    @property
    def kept(self) -> bool:
        return isinstance(self.origin, Manifest)


def look_up(
    settings: Settings, text: str, endpoint: str | None, offline: bool, most: int | None = None
) -> Known:
    """Return the facts of a model; from a hub only its headers are read, at most `most` bytes.

    Raises OfflineMissing where it is not kept and `offline`, and what the hub refuses with.
    """
    try:
        named = wiring.named(settings, text)
    except UnknownModel as error:
        if offline:
            raise offline_missing(error) from error
        return _on_the_hub(settings, text, endpoint, most)
    store = wiring.store(settings)
    facts = kept_facts(store, named.manifest, named.variant)
    return Known(named.id, facts, named.variant, named.manifest)


def offline_missing(error: UnknownModel) -> OfflineMissing:
    """Return the refusal of whoever may ask no hub for what is not kept here."""
    return OfflineMissing(
        f"{error.what} No hub may be asked.",
        hint="`ostler ls` lists what is kept here; leave out --offline to fetch.",
        **error.facts,
    )


@contextmanager
def naming_near(settings: Settings, name: str) -> Iterator[None]:
    """Where a hub has no such model, say which names of models that we know come close."""
    try:
        yield
    except ModelNotFound as error:
        from difflib import get_close_matches

        from ostler.verbs import catalogue

        known = {one.name for one in wiring.store(settings).manifests()}
        known |= {entry.repo for entry in catalogue.shelf(settings.home).entries}
        if near := get_close_matches(name, sorted(known), n=3, cutoff=0.75):
            error.hint = f"Did you mean {' or '.join(near)}? {error.hint}"
        raise


def _on_the_hub(settings: Settings, text: str, endpoint: str | None, most: int | None) -> Known:
    ref = parse(text)
    with waiting("Reading headers at the hub"):
        source = wiring.source(settings, endpoint, ref)
        with naming_near(settings, ref.name):
            listing = source.listing(ref)
        choices = quants.variants(file.path for file in listing.files)
        variant, _ = quants.choose(choices, ref.variant)
        facts = remote_facts(source, listing, variant, most)
    return Known(f"{listing.name}#{variant.name}", facts, variant, listing)
