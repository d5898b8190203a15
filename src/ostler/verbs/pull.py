"""From a reference to a kept model: plan, then fetch, verify and register."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ostler.core import blocks, plans
from ostler.core.patience import Patience
from ostler.errors import UsageError
from ostler.nouns import Download, KeptFile, Listing, Manifest, ModelRef, PullPlan
from ostler.ports import Source
from ostler.store import Store
from ostler.verbs import room as rooms
from ostler.verbs.announce import Announcer, described, joined
from ostler.verbs.fetch import Check, Fetcher
from ostler.verbs.progress import Progress, Report, Step, Tally, silent
from ostler.verbs.receiving import Stopped
from ostler.verbs.room import Limits, room
from ostler.verbs.stopping import Stop, apart
from ostler.verbs.throttle import Throttle
from ostler.version import __version__

__all__ = ["Limits", "Options", "carry_out", "manifest_of", "plan", "room"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say about which files to take."""

    quant: str | None = None
    fallback: str = "none"  # or "down"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    platform: str | None = None  # one of core.plans.FORMATS; None: as for a CPU


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
    limits: Limits | None = None,
    words: tuple[str, ...] = (),
) -> Manifest:
    """Fetch what the plan names, verify all of it, and register the model last.

    `workers` connections are open at once: one for each file, several for a large file that is
    left alone. `check` reads a verified file's header before it is kept. `words` are what
    `ostler pull` was given, to go on with. A second process that pulls the same repository shows
    the first one's progress, then finds it done.
    Raises InsufficientDisk, OverBudget, ChecksumMismatch, HubUnreachable, GatedRepo, Cancelled and
    what `check` raises; whatever was verified stays, and so does what was received of the rest.
    """
    limits = limits or Limits()
    source = apart(source)
    stop = Stop(source)
    with _our_turn(plan, store, report):
        download = described(plan, words)

        def tell(event: Progress) -> None:
            announcer.hear(event)
            report(event)

        tally = Tally(plan.total_bytes, tell)
        announcer = Announcer(store.downloads, download, stop, lambda: tally.done)
        with _room_taken(plan, store, limits, download), announcer.at_work():
            fetcher = Fetcher(
                *(plan.listing, source, store, tally, stop, patience or Patience(), check),
                workers=workers,
                large=sum(one.file.size >= blocks.MANY for one in plan.fetch),
                throttle=Throttle(limits.max_speed) if limits.max_speed else None,
                full_wait=limits.full_wait,
                known=_known_blocks(store),
            )
            files = _fetch_all(plan, fetcher, workers)
            return store.register(manifest_of(plan.listing, files, origin))


@contextmanager
def _our_turn(plan: PullPlan, store: Store, report: Report) -> Iterator[None]:
    """Wait for another process that pulls the same, showing how far it is."""

    def waiting() -> None:
        note = f"another process pulls {plan.listing.name}"
        report(Progress(Step.WAITING, "", 0, plan.total_bytes, 0, plan.total_bytes, note))

    def meanwhile() -> None:
        joined(store.downloads, plan.listing.name, report)

    with store.pulling(plan.listing.name, waiting, meanwhile):
        yield


@contextmanager
def _room_taken(plan: PullPlan, store: Store, limits: Limits, download: Download) -> Iterator[None]:
    """Ask for room and claim it in one step, so that two pulls never count the same bytes."""
    with store.downloads.running(download.id):
        with store.reserving():
            rooms.require(room(plan, store, limits, download.id), store)
            store.downloads.tell(download)
        yield


def _known_blocks(store: Store) -> dict[str, str]:
    kept = (file for manifest in store.manifests() for file in manifest.files)
    return {file.sha256: file.blocks for file in kept if file.blocks}


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
    if any(task.cancelled() for task in tasks):
        raise Stopped
    return tuple(task.result() for task in tasks)


def manifest_of(listing: Listing, files: tuple[KeptFile, ...], origin: str) -> Manifest:
    """Return the manifest of these files of a repository, pulled now."""
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
