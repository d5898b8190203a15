"""Requests that wait until their model is ready: each in its model's line, as long as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostler.faces.gateway.body import wants_stream
from ostler.faces.gateway.decision import loading, too_many
from ostler.faces.gateway.messages import Model, Refuse, Want
from ostler.faces.gateway.parking import Parking
from ostler.faces.gateway.request import Refusal
from ostler.faces.gateway.routing import Routes, is_ready

if TYPE_CHECKING:
    from ostler.faces.gateway.exchange import Exchange
    from ostler.faces.gateway.relay import Relay

PROGRESS_SECONDS = 1.0  # between two comments to a caller whose model is being loaded


class Waiting:
    """Tells the keeper what is asked for, and lets requests go on when it is there."""

    __slots__ = ("_lines", "_relay")

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._lines: Parking[Exchange] = Parking()

    def park(self, exchange: Exchange, model: Model) -> None:
        """Have a request wait, or answer that it does not."""
        relay, id, limits = self._relay, exchange.model, self._relay.limits
        if self._lines.want(id):
            caller = exchange.request.caller
            relay.tell(Want(id, caller.role if caller else limits.default_role))
        wait = exchange.request.wait(limits.wait_seconds)
        if relay.draining or wait <= 0:
            exchange.refuse(loading(id, model.eta_seconds))
        elif self._lines.length(id) >= limits.max_parked:
            exchange.refuse(too_many(id, limits.max_parked))
        else:
            self._lines.park(id, exchange)
            exchange.parked = relay.allowances.park(id)
            exchange.timer = relay.loop.call_later(wait, self._give_up, exchange)
            if exchange.request.wants_progress() and wants_stream(exchange.body):
                self._announce(exchange)

    def _announce(self, exchange: Exchange) -> None:
        if exchange.timer is not None:
            exchange.announce(self._eta(exchange.model))
            self._relay.loop.call_later(PROGRESS_SECONDS, self._announce, exchange)

    def _give_up(self, exchange: Exchange) -> None:
        self.leave(exchange)
        exchange.refuse(loading(exchange.model, self._eta(exchange.model)))

    def _eta(self, id: str) -> float | None:
        model = self._relay.routes.models.get(id)
        return model.eta_seconds if model else None

    def leave(self, exchange: Exchange) -> None:
        """Take a request out of its line, if it stands in one."""
        if exchange.timer is not None:
            self._waits_no_more(exchange)
            self._lines.leave(exchange.model, exchange)

    def _waits_no_more(self, exchange: Exchange) -> None:
        assert exchange.timer is not None
        exchange.timer.cancel()
        exchange.timer = None
        self._relay.allowances.unpark(exchange.parked)

    def _released(self, id: str) -> list[Exchange]:
        line = self._lines.release(id)
        for exchange in line:
            self._waits_no_more(exchange)
        return line

    def look(self, before: Routes, routes: Routes) -> None:
        """Take a new table: who waited for what is ready now goes on."""
        for id in self._lines.models():
            model = routes.models.get(id)
            if model is None or is_ready(model):
                for exchange in self._released(id):
                    self._relay.start(exchange)  # which says so where there is no such model
            elif _stopped_loading(before.models.get(id), model):
                self._want_again(id, model)

    def _want_again(self, id: str, model: Model) -> None:
        """A load has ended in nothing. Where it was stopped, requests that still wait start it
        anew; where it failed, the keeper refuses them with its reason.
        """
        waited_for = self._lines.forget_want(id)
        if waited_for and model.state == "stopped" and self._lines.want(id):
            self._relay.tell(Want(id))

    def refuse(self, message: Refuse) -> None:
        """Answer all who wait for a model as the keeper says."""
        refusal = Refusal(message.status, message.error, retry_after=message.retry_after)
        for exchange in self._released(message.model):
            exchange.refuse(refusal)

    def end(self) -> None:
        """Refuse all who wait: the server ends."""
        for id in self._lines.models():
            for exchange in self._released(id):
                exchange.refuse(loading(id, None))


def _stopped_loading(before: Model | None, now: Model) -> bool:
    return before is not None and before.state == "loading" and now.state != "loading"
