"""Models' facts for estimates, read once: of what is kept, of what is on a hub, of the catalogue.

Everything here may block: hubs are asked, for a few kilobytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ostler import wiring
from ostler.core import quants
from ostler.core.naming import Named
from ostler.errors import (
    AuthRequired,
    BadRef,
    GatedRepo,
    HubUnreachable,
    ModelNotFound,
    OfflineMissing,
    TokenRejected,
    UnknownModel,
)
from ostler.nouns import ModelFacts
from ostler.settings import Settings
from ostler.verbs import catalogue
from ostler.verbs.inspect import ENOUGH, kept_facts

FRESH = 600.0  # seconds for which a hub is not asked again
# What a hub refuses with that may hold a model which the catalogue knows.
SILENT = (
    HubUnreachable, OfflineMissing, ModelNotFound, GatedRepo, AuthRequired, TokenRejected,
)  # fmt: skip
MOST = 64  # models of hubs that are remembered


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model."""

    id: str
    name: str  # of its repository
    facts: ModelFacts
    kept: bool
    variant: str
    licence: str | None
    choices: tuple[tuple[str, int], ...] = ()  # quantizations that are there, bytes of weights
    note: str = ""  # what to know of where this is from


class Knowing:
    """Looks models up, and remembers what hubs said."""

    def __init__(self, settings: Settings, facts: Callable[[Named], ModelFacts | None]) -> None:
        self.settings, self._facts = settings, facts
        self._heard: dict[str, tuple[float, Known]] = {}

    def model(self, name: str) -> Known:
        """Return what is known of a model: kept here, of the catalogue, or on the hub.

        Raises UnknownModel, OfflineMissing, BadRef, and what the hub refuses with.
        """
        try:
            return self._kept(wiring.named(self.settings, name))
        except (UnknownModel, BadRef) as error:
            listed = self._listed(name)
            if listed and "/" not in name:
                return listed
            if isinstance(error, BadRef):
                raise
        try:
            return self._on_the_hub(name)
        except SILENT as error:
            if listed is None:
                raise
            return replace(listed, note=f"{error.what} {listed.note}")

    def _kept(self, named: Named) -> Known:
        from ostler.store import servable

        store = wiring.store(self.settings)
        facts = self._facts(named) or kept_facts(store, named.manifest, named.variant)
        sizes = {file.path: file.size for file in named.manifest.files}
        return Known(
            named.id, named.manifest.name, facts, True, named.variant.name,
            named.manifest.licence,
            tuple((one.name, sum(sizes[path] for path in one.files))
                  for one in servable(named.manifest)),
        )  # fmt: skip

    def _listed(self, name: str) -> Known | None:
        """Return a model of the catalogue, by its id or its repository."""
        entries = catalogue.shelf(self.settings.home).entries
        entry = next((one for one in entries if name in one.names), None)
        if entry is None:
            return None
        facts = catalogue.facts(entry)
        note = "Computed from the config.json that comes with Ostler; no file was read."
        return Known(entry.id, entry.repo, facts, False, "", entry.licence, (), note)

    def _on_the_hub(self, name: str) -> Known:
        from ostler.faces.cli.facts import look_up

        now = time.monotonic()
        heard = self._heard.get(name)
        if heard and now - heard[0] < FRESH:
            return heard[1]
        found = look_up(self.settings, name, None, self.settings.offline, most=ENOUGH)
        sizes = {file.path: file.size for file in found.origin.files}
        known = Known(
            found.id, found.origin.name, found.facts, found.kept, found.variant.name,
            found.origin.licence,
            tuple((one.name, sum(sizes[path] for path in one.files))
                  for one in quants.variants(sizes) if not one.missing),
        )  # fmt: skip
        while len(self._heard) >= MOST:
            self._heard.pop(next(iter(self._heard)))
        self._heard[name] = now, known
        return known
