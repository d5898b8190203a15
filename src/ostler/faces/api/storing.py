"""The routes for what is kept: list it, prove it, move it away, remove it, bring it back.

What changes something takes `dry_run`: it is planned then, and nothing is done.
"""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import APIRouter, Request, Response

from ostler.faces.api.callers import actor
from ostler.faces.api.inn import Inn
from ostler.faces.api.store_schemas import (
    Away,
    CopyPlanned,
    KeptDetails,
    Removed,
    Restored,
    StoreShown,
    Thrown,
    ToArchive,
    ToBringBack,
    ToRestore,
    ToVerify,
)
from ostler.faces.api.work_schemas import Work
from ostler.nouns import Event


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["store"])

    # What reads the disk is no coroutine: it runs in a thread, beside the server's loop.
    @api.get("/api/store")
    def store() -> StoreShown:
        """List the kept models with their sizes, licences and origins, and the room on the disk."""
        return inn.stock.storeroom.shown()

    @api.get("/api/store/{name:path}")
    def one(name: str) -> KeptDetails:
        """Describe one kept model: its files with their hashes, its shape, its licence."""
        return inn.stock.storeroom.details(name)

    @api.post("/api/store/{name:path}/verify", status_code=202)
    async def verify(name: str, wanted: ToVerify, request: Request) -> Work:
        """Read every byte of a model again; with `repair`, fetch the damaged blocks anew."""
        await asyncio.to_thread(inn.stock.proofs.known, name)
        kind = "repair" if wanted.repair else "verify"
        do = partial(inn.stock.proofs.verify, name, wanted.repair)
        return inn.stock.works.begin_in_thread(kind, name, actor(request), do)

    @api.post("/api/store/{name:path}/archive", status_code=202)
    async def archive(
        name: str, wanted: ToArchive, request: Request, response: Response, dry_run: bool = False
    ) -> Work | CopyPlanned:
        """Move a model to another disk: copied, proven there, and only then removed here."""
        move = await asyncio.to_thread(
            inn.stock.proofs.plan_away, name, wanted.to, force=wanted.force
        )
        if dry_run:
            response.status_code = 200
            return move.shown()
        do = partial(inn.stock.proofs.away, move)
        return inn.stock.works.begin_in_thread("archive", name, actor(request), do)

    @api.delete("/api/store/{name:path}")
    async def remove(
        name: str,
        request: Request,
        dry_run: bool = False,
        purge: bool = False,
        force: bool = False,
    ) -> Removed:
        """Remove a model; the trash holds it for a while, unless `purge`.

        A loaded model is refused, or with `force` stopped first.
        """
        leaving = await asyncio.to_thread(inn.stock.clearing.plan, name, force=force, purge=purge)
        if dry_run:
            return leaving.shown(removed=False)
        for id in leaving.stops:
            with inn.books.asked(id, actor(request)):
                await inn.unload(id, force=True)
        removed = await asyncio.to_thread(inn.stock.clearing.carry_out, leaving)
        await inn.stock.looked()
        inn.books.ledger.happened(
            Event("rm", one.name, actor(request), facts={"commit": one.commit, "purge": purge})
            for one in removed.models
        )
        return removed

    @api.get("/api/trash")
    def trash() -> list[Thrown]:
        """List what was removed and can be had back, the newest first."""
        return inn.stock.clearing.trash()

    @api.post("/api/trash/restore")
    async def restore(wanted: ToRestore, request: Request, dry_run: bool = False) -> Restored:
        """Take the last removal back, of this model or of all."""
        back = await asyncio.to_thread(inn.stock.clearing.undo, wanted.model, dry_run=dry_run)
        if not dry_run:
            await inn.stock.looked()
            inn.books.ledger.happened(
                Event("undo", name, actor(request)) for name in dict.fromkeys(back.models)
            )
        return back

    @api.get("/api/archived")
    def archived() -> list[Away]:
        """List the models that were moved to other disks, and where they are."""
        return inn.stock.storeroom.archived()

    @api.post("/api/archived/{name:path}/restore", status_code=202)
    async def bring_back(
        name: str, wanted: ToBringBack, request: Request, response: Response, dry_run: bool = False
    ) -> Work | CopyPlanned:
        """Bring an archived model back; every byte is proven again."""
        move = await asyncio.to_thread(inn.stock.proofs.plan_back, name, wanted.place)
        if dry_run:
            response.status_code = 200
            return move.shown()
        do = partial(inn.stock.proofs.back, move, wanted.keep)
        return inn.stock.works.begin_in_thread("unarchive", name, actor(request), do)

    return api
