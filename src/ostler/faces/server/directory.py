"""What can be asked for under all its names: models kept or promised, deployments, routes."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core import fleet as f
from ostler.core.numbering import shared_names
from ostler.faces.api.schemas import Model
from ostler.faces.server import describing
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.wishes import ModelWish, RouteWish
from ostler.verbs.keep import Keeper


class Directory:
    """What the catalogue keeps and the operator's wishes promise, taken together."""

    def __init__(self, hands: ServerHands) -> None:
        self._hands = hands

    @property
    def _promised(self) -> list[str]:
        return [n for n in self._hands.wishes.promised() if not self._hands.catalogue.has(n)]

    @property
    def _deployed(self) -> list[str]:
        """Deployments of models that are kept or promised."""
        wishes, catalogue = self._hands.wishes, self._hands.catalogue
        return [
            name
            for name, wish in wishes.deployments().items()
            if (catalogue.has(wish.of) or wish.of in wishes.promised()) and not catalogue.has(name)
        ]

    def ids(self) -> list[str]:
        """Return the own name of everything that engines serve."""
        kept = (named.id for named in self._hands.catalogue.names)
        return [*kept, *self._promised, *self._deployed]

    def routes(self) -> dict[str, list[RouteWish]]:
        """Return the names behind which several models stand, and those of them that are there."""
        known, own = set(self.ids()), self._hands.catalogue.own_name
        found = {
            name: [one.model_copy(update={"to": own(one.to)}) for one in members]
            for name, members in self._hands.wishes.routes.items()
            if name not in known
        }
        return {
            name: there
            for name, members in found.items()
            if (there := [one for one in members if one.to in known])
        }

    def flaws(self) -> list[str]:
        """Return why wishes for models, aliases, deployments and routes lead nowhere."""
        known, own, wishes = set(self.ids()), self._hands.catalogue.own_name, self._hands.wishes
        lost = [
            f"The deployment {name} is of {wish.of}, which is not kept here."
            for name, wish in wishes.deployments().items()
            if name not in known
        ]
        astray = [
            f"The route {name} leads to {one.to}, which is not kept here."
            for name, members in wishes.routes.items()
            for one in members
            if own(one.to) not in known
        ]
        hidden = [f"The route {n} has a model's own name." for n in wishes.routes if n in known]
        return [*lost, *astray, *hidden, *self._without_a_model(), *self._ambiguous()]

    def _without_a_model(self) -> list[str]:
        """Say which wishes are for no model; one that is to be loaded says so by failing."""
        wishes, catalogue = self._hands.wishes, self._hands.catalogue
        return [
            f"{name} has wishes in ostler.yaml, and is not kept here."
            for name, wish in wishes.models.items()
            if wish != ModelWish()
            and not catalogue.has(name)
            and not (wish.of or wish.download or wish.pinned or name in wishes.preload)
        ]

    def _ambiguous(self) -> list[str]:
        """Say which aliases were given to several models."""
        given: dict[str, list[str]] = {}
        for model, wish in self._hands.wishes.models.items():
            for alias in dict.fromkeys(wish.aliases):
                given.setdefault(alias, []).append(model)
        return [
            f"The alias {alias} is given to {' and '.join(models)}; it means {models[0]}."
            for alias, models in given.items()
            if len(models) > 1
        ]

    def canonical(self, name: str) -> str:
        """Return the id of the model that a name means. Raises UnknownModel."""
        for model, wish in self._hands.wishes.models.items():
            if name in wish.aliases:
                return self._hands.catalogue.own_name(model)
        if name in self._hands.wishes.promised() or name in self._deployed:
            return self._hands.catalogue.own_name(name)
        if name in (routes := self.routes()):
            return routes[name][0].to
        if not self._hands.catalogue.has(name) and name in (shared := self._shared()):
            return shared[name]
        return self._hands.catalogue.get(name).id

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the other names of everything that engines serve, by its own: those of its
        files, those the operator gave it, and the name that a numbered one has alone.
        """
        found = {id: self._aliases(id) for id in self.ids()}
        for name, model in self._shared().items():
            found[model] = (*found[model], name)
        return found

    def _shared(self) -> dict[str, str]:
        ids, deployed = self.ids(), set(self._deployed)
        taken = {*ids, *self.routes(), *(name for id in ids for name in self._aliases(id))}
        given = {id: (*self._hands.wish(id).aliases, *((id,) * (id in deployed))) for id in ids}
        return shared_names(given, taken)

    def _aliases(self, model: str) -> tuple[str, ...]:
        catalogue = self._hands.catalogue
        own = catalogue.get(model).aliases if catalogue.has(model) else ()
        return (*own, *self._hands.wish(model).aliases)

    def task(self, model: str) -> str:
        """Say what a model is for; chat for one that is not here yet."""
        catalogue = self._hands.catalogue
        kept = self._hands.wish(model).of or model
        return catalogue.task(catalogue.get(kept)).value if catalogue.has(kept) else "chat"

    def listed(self, keeper: Keeper, now: float) -> Sequence[Model]:
        """Return every model as `/v1/models` shows it."""
        return [
            one.model_copy(update={"eta_seconds": describing.left(keeper, one.id, now)})
            for one in self._every(keeper)
        ]

    def _every(self, keeper: Keeper) -> Sequence[Model]:
        catalogue, names = self._hands.catalogue, self.names()
        kept = [describing.described(named, catalogue, keeper) for named in catalogue.names]
        named = [one.model_copy(update={"aliases": list(names[one.id])}) for one in kept]
        promised = [describing.promised(keeper, name, names[name]) for name in self._promised]
        deployed = [self._deployment(keeper, name, names[name]) for name in self._deployed]
        routed = [
            describing.route(keeper, name, [one.to for one in members])
            for name, members in self.routes().items()
        ]
        return [*named, *promised, *deployed, *routed]

    def _deployment(self, keeper: Keeper, name: str, aliases: Sequence[str]) -> Model:
        catalogue, wish = self._hands.catalogue, self._hands.wish(name)
        if not catalogue.has(wish.of):
            return describing.promised(keeper, name, aliases)
        of = describing.described(catalogue.get(wish.of), catalogue, keeper)
        state = f.state_of(keeper.fleet, name).value
        own = {"id": name, "aliases": list(aliases), "state": state}
        return of.model_copy(update=own)
