"""From a reference to a kept model: plan, then fetch, verify and register."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime

from ostler import __version__
from ostler.core import plans
from ostler.core.patience import Patience
from ostler.core.sizes import file_size
from ostler.errors import InsufficientDisk, UsageError
from ostler.nouns import KeptFile, Listing, Manifest, ModelRef, PullPlan
from ostler.ports import Source
from ostler.store import Store
from ostler.verbs.fetch import Check, Fetcher, Stopped
from ostler.verbs.progress import Progress, Report, Step, Tally, silent

GIB = 2**30
RESERVE = GIB  # bytes left free on the disk, or 5 % of it where that is less
RESERVE_SHARE = 0.05
WHY_RESERVE = "1 GiB, or 5 % of the disk where that is less, stays free for everything else"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say about which files to take."""

    quant: str | None = None
    fallback: str = "none"  # or "down"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    platform: str | None = None  # one of core.plans.FORMATS; None: as for a CPU


@dataclass(frozen=True, slots=True)
class Room:
    """Whether the disk holds what a plan fetches. All in bytes."""

    needed: int  # still to be fetched; what a broken-off pull left counts as here
    free: int
    reserve: int
    because: str = WHY_RESERVE

    @property
    def fits(self) -> bool:
        return self.needed <= max(0, self.free - self.reserve) or self.needed == 0


def plan(ref: ModelRef, source: Source, store: Store, options: Options | None = None) -> PullPlan:
    """Return what a pull would do; the hub is asked for its listing, no byte is written.

    Raises what Source.listing and core.plans.pull_plan raise, and UsageError where the
    reference and the options name different quantizations.
    """
    options = options or Options()
    quant = (options.quant or ref.variant or "").lower() or None
    if ref.variant and quant != ref.variant:
        raise UsageError(
            f"The reference says #{ref.variant} and --quant says {quant}.", hint="Give one of them."
        )
    listing = source.listing(ref)
    have = {file.sha256 or file.git_sha1 or "" for file in listing.files if store.kept(file)}
    return plans.pull_plan(
        listing,
        have,
        quant=quant,
        fallback=options.fallback,
        include=options.include,
        exclude=options.exclude,
        everything=options.everything,
        platform=options.platform,
    )


def room(plan: PullPlan, store: Store) -> Room:
    """Return what the plan needs on the disk and what there is."""
    free, total = store.disk()
    contents = {plans.key(one.file): one.file.size for one in plan.fetch}
    needed = sum(max(0, size - store.partials.size(key)) for key, size in contents.items())
    return Room(needed, free, min(RESERVE, int(total * RESERVE_SHARE)))


def carry_out(
    plan: PullPlan,
    source: Source,
    store: Store,
    *,
    workers: int = 4,
    report: Report = silent,
    check: Check | None = None,
    patience: Patience | None = None,
    origin: str = "",
) -> Manifest:
    """Fetch what the plan names, verify all of it, and register the model last.

    `workers` files are fetched at once. `check` reads a verified file's header before it is
    kept. A second process that pulls the same repository waits, then finds it done.
    Raises InsufficientDisk, ChecksumMismatch, HubUnreachable, GatedRepo and what `check` raises;
    whatever was verified before stays, and so does what was received of the rest.
    """
    tally = Tally(plan.total_bytes, report)

    def waiting() -> None:
        note = f"another process pulls {plan.listing.name}"
        report(Progress(Step.WAITING, "", 0, plan.total_bytes, 0, plan.total_bytes, note))

    with store.pulling(plan.listing.name, waiting):
        _require(room(plan, store), store)
        fetcher = Fetcher(
            plan.listing, source, store, tally, threading.Event(), patience or Patience(), check
        )
        files = _fetch_all(plan, fetcher, workers)
        return store.register(_manifest(plan.listing, files, origin))


def _require(room: Room, store: Store) -> None:
    if not room.fits:
        raise InsufficientDisk(
            f"{file_size(room.needed)} are to be fetched, and {store.home} has "
            f"{file_size(room.free)} free, of which {file_size(room.reserve)} stay free.",
            hint="Make room (`ostler ls` shows sizes, `ostler rm` removes), or set OSTLER_HOME.",
            needed=room.needed,
            free=room.free,
            reserve=room.reserve,
            because=room.because,
        )


def _fetch_all(plan: PullPlan, fetcher: Fetcher, workers: int) -> tuple[KeptFile, ...]:
    """Fetch the files side by side; the first failure stops the others where they are."""
    wanted = [one.file for one in (*plan.have, *plan.fetch)]
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="pull") as pool:
        tasks = [pool.submit(fetcher.fetch, file) for file in wanted]
        try:
            wait(tasks, return_when=FIRST_EXCEPTION)
        finally:  # an interrupt from the keyboard comes this way too
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
    failures = [task.exception() for task in tasks if not task.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, Stopped):
            raise failure
    return tuple(task.result() for task in tasks)


def _manifest(listing: Listing, files: tuple[KeptFile, ...], origin: str) -> Manifest:
    return Manifest(
        source=listing.source,
        name=listing.name,
        commit=listing.commit,
        files=tuple(sorted(files, key=lambda file: file.path)),
        revisions=(listing.revision,) if listing.revision else (),
        aliases=(listing.asked_name,) if listing.asked_name else (),
        licence=listing.licence,
        gated=listing.gated,
        private=listing.private,
        task=listing.task,
        tags=listing.tags,
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        origin=origin,
        tool=f"ostler {__version__}",
    )
