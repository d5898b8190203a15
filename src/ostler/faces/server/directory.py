"""The models that can be asked for, kept or promised, under all their names."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.faces.api.schemas import Model
from ostler.faces.server import describing
from ostler.faces.server.hands import ServerHands
from ostler.verbs.keep import Keeper


class Directory:
    """What the catalogue keeps and the operator's wishes promise, taken together."""

    def __init__(self, hands: ServerHands) -> None:
        self._hands = hands

    @property
    def _promised(self) -> list[str]:
        return [n for n in self._hands.wishes.promised() if not self._hands.catalogue.has(n)]

    def ids(self) -> list[str]:
        """Return every model's own name."""
        return [*(named.id for named in self._hands.catalogue.names), *self._promised]

    def canonical(self, name: str) -> str:
        """Return the id of the model that a name means. Raises UnknownModel."""
        for model, wish in self._hands.wishes.models.items():
            if name in wish.aliases:
                return self._hands.catalogue.own_name(model)
        if name in self._hands.wishes.promised():
            return self._hands.catalogue.own_name(name)
        return self._hands.catalogue.get(name).id

    def aliases(self, model: str) -> tuple[str, ...]:
        """Return a model's other names: those of its files, then those the operator gave it."""
        catalogue = self._hands.catalogue
        own = catalogue.get(model).aliases if catalogue.has(model) else ()
        return (*own, *self._hands.wish(model).aliases)

    def task(self, model: str) -> str:
        """Say what a model is for; chat for one that is not here yet."""
        catalogue = self._hands.catalogue
        return catalogue.task(catalogue.get(model)).value if catalogue.has(model) else "chat"

    def listed(self, keeper: Keeper) -> Sequence[Model]:
        """Return every model as `/v1/models` shows it."""
        catalogue = self._hands.catalogue
        kept = [describing.described(named, catalogue, keeper) for named in catalogue.names]
        named = [one.model_copy(update={"aliases": list(self.aliases(one.id))}) for one in kept]
        promised = [
            describing.promised(keeper, name, self._hands.wishes.of(name).aliases)
            for name in self._promised
        ]
        return [*named, *promised]
