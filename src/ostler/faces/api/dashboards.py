"""The routes of who asks, and of a ticket with which a browser signs in to the dashboard."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ostler.faces.api.callers import caller, shown_key

SECONDS = 60  # that a ticket lasts


class Tickets(Protocol):
    """Where tickets are made."""

    def ticket(self, key: str) -> str:
        """Return a ticket that opens one session with this key."""
        ...

    def awake(self) -> object:
        """Be told that a browser will come soon."""
        ...


class Ticket(BaseModel):
    """A link that signs a browser in as the key that asked for it: once, and soon."""

    url: str
    seconds: int


def routes(tickets: Tickets, address: str) -> APIRouter:
    """Return the routes; `address` is the dashboard's own."""
    api = APIRouter(tags=["dashboard"])

    @api.post("/api/dashboard/tickets", status_code=201)
    async def ticket(request: Request) -> Ticket:
        """Make a link that opens the dashboard as this key, once, within a minute."""
        if not caller(request).sha256:  # no key is needed: there is nothing to sign in with
            tickets.awake()
            return Ticket(url=address, seconds=SECONDS)
        made = tickets.ticket(shown_key(request.headers))
        return Ticket(url=f"{address}/open?ticket={made}", seconds=SECONDS)

    return api
