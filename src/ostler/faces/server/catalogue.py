"""What can be asked for: the kept models under their served names, with their facts."""

from __future__ import annotations

import asyncio
from datetime import datetime

from ostler.core.naming import Named, find, served_names
from ostler.errors import OstlerError, UnknownModel
from ostler.nouns import ModelFacts, Task
from ostler.store import Store, servable
from ostler.verbs.inspect import kept_facts

Facts = dict[tuple[str, str, str], ModelFacts | None]


class Catalogue:
    """The kept models as they were at the last look."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lookout = store.lookout()
        self._looking = asyncio.Lock()
        self._facts: Facts = {}
        self._unread: tuple[Named, ...] = ()  # their files cannot be read, as far as is known
        self.names: tuple[Named, ...] = ()
        self.faults: tuple[str, ...] = ()  # of manifests, each as a sentence

    async def refresh(self) -> bool:
        """Look again; return whether anything is new or gone."""
        async with self._looking:
            looked = await asyncio.to_thread(self._look)
            if looked is None:
                return False
            names, self._facts = looked
            changed = names != self.names
            self.names, self.faults = names, self._lookout.faults
            self._unread = tuple(one for one in names if self._facts[_key(one)] is None)
            return changed

    def _look(self) -> tuple[tuple[Named, ...], Facts] | None:
        """Return the models and their facts; None where nothing is other than before."""
        if not self._lookout.look() and not any(self._read(one) for one in self._unread):
            return None
        kept = [(manifest, one) for manifest in self._lookout.found for one in servable(manifest)]
        names = served_names(kept)
        return names, {_key(n): self._facts.get(_key(n)) or self._read(n) for n in names}

    def _read(self, named: Named) -> ModelFacts | None:
        """A model whose files cannot be read is listed all the same; loading it says why."""
        try:
            return kept_facts(self._store, named.manifest, named.variant)
        except OstlerError:
            return None

    def get(self, name: str) -> Named:
        """Return the model that a name means. Raises UnknownModel."""
        named = find(self.names, name)
        if named is None:
            known = ", ".join(n.id for n in self.names) or "none yet"
            raise UnknownModel(
                f"There is no model '{name}' here. Known: {known}.", hint=f"ostler pull {name}"
            )
        return named

    def has(self, name: str) -> bool:
        """Say whether a model of this name is kept."""
        return find(self.names, name) is not None

    def own_name(self, name: str) -> str:
        """Return a model's own name; one that is not kept here is taken as it is."""
        named = find(self.names, name)
        return named.id if named else name

    async def missing(self, name: str) -> None:
        """Nothing fetches here: a model that is not kept is unknown. Raises UnknownModel."""
        self.get(name)

    def facts(self, named: Named) -> ModelFacts | None:
        """The facts of a model, None where its files cannot be read."""
        return self._facts.get(_key(named))

    def task(self, named: Named) -> Task:
        """What the model is for; chat where its files do not say."""
        facts = self.facts(named)
        return (facts.task if facts else None) or Task.CHAT

    def created(self, named: Named) -> int:
        """When it was pulled, in seconds since 1970, as the OpenAI API gives it."""
        pulled = named.manifest.pulled_at
        return int(datetime.fromisoformat(pulled).timestamp()) if pulled else 0


def _key(named: Named) -> tuple[str, str, str]:
    return named.manifest.name, named.manifest.commit, named.variant.name
