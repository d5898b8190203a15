"""What is kept and what could be: everything that the control API asks of it, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ostler import wiring
from ostler.faces.api.fit_schemas import Fitted, ToFit
from ostler.faces.api.work_schemas import Findings, Synced
from ostler.faces.server import checkups, fits
from ostler.faces.server.clearing import Clearing
from ostler.faces.server.finding import Finding
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.knowing import Knowing
from ostler.faces.server.ledger import Ledger
from ostler.faces.server.makings import Makings
from ostler.faces.server.proofs import Proofs
from ostler.faces.server.quotes import Quotes
from ostler.faces.server.storeroom import States, Storeroom
from ostler.faces.server.works import Works


class Stock:
    """The store, the hubs, the work on models, and what is known of memory and prices."""

    def __init__(
        self,
        hands: ServerHands,
        states: States,
        ledger: Ledger,
        looked: Callable[[], Awaitable[None]],
    ) -> None:
        """`looked` has the server see at once what has changed in the store."""
        settings, facts = hands.settings, hands.catalogue.facts
        self._settings, self._hands, self.looked = settings, hands, looked
        self.storeroom = Storeroom(settings, ledger.records, facts, states)
        self.clearing = Clearing(settings, states)
        self.proofs = Proofs(settings, self.clearing)
        self.works = Works(wiring.store(settings), ledger.happened)
        self.makings = Makings(settings, self.works, looked)
        self.finding = Finding(settings)
        self.quotes = Quotes(settings)
        self._knowing = Knowing(settings, facts)

    # --- what blocks -----------------------------------------------------------------------

    def fitted(self, asked: ToFit) -> Fitted:
        """Say what a model needs and where it fits."""
        return fits.fitted(asked, self._knowing, self._hands.machine)

    def why(self, model: str, offline: bool) -> Findings:
        """Say what stands between a model and an answer."""
        return checkups.why(self._settings, model, offline)

    def doctor(self, model: str | None, offline: bool) -> Findings:
        """Look at everything the installation stands on."""
        return checkups.doctor(self._settings, model, offline)

    def sync(self, *, dry_run: bool, prune: bool) -> Synced:
        """Bring files into line with the wishes."""
        return checkups.sync(self._settings, dry_run=dry_run, prune=prune)
