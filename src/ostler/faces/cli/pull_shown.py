"""How a pull is shown: its plan, and how it ended; for readers and as JSON."""

from __future__ import annotations

from ostler.core.budget import Room
from ostler.core.sizes import counted, duration, file_size
from ostler.faces.cli import show
from ostler.nouns import Format, Manifest, PullPlan
from ostler.store import Store
from ostler.verbs import pull
from ostler.verbs.room import Limits


def plan_of(plan: PullPlan, store: Store, limits: Limits, how: str, dry_run: bool) -> None:
    """Show what would be, or will be, fetched. `how` is as progress.kind says."""
    room = pull.room(plan, store, limits)
    if how == "json":
        given = {"room": room, "free_bytes": room.free, "fits": room.fits}
        given |= {"least_seconds": _least_seconds(plan, limits)}
        show.event({"event": "plan", **_as_data(plan), **given})
    elif dry_run:
        _print_plan(plan, room, limits)
    elif how != "none":
        show.note(_headline(plan))
        for text in plan.notes:
            show.note(f"  {text}")


def _least_seconds(plan: PullPlan, limits: Limits) -> float | None:
    """Return what the fetch takes at the speed that is allowed; None: nobody set one."""
    return round(plan.fetch_bytes / limits.max_speed, 3) if limits.max_speed else None


def _print_plan(plan: PullPlan, room: Room, limits: Limits) -> None:
    show.heading(f"{plan.listing.name} at {plan.listing.commit[:12]}")
    rows = [
        *[("fetch", p.file.path, file_size(p.file.size), p.because) for p in plan.fetch],
        *[("have", p.file.path, file_size(p.file.size), p.because) for p in plan.have],
        *[("leave", p.file.path, file_size(p.file.size), p.because) for p in plan.ignored],
    ]
    show.table(("", "FILE", "SIZE", "WHY"), rows, right=(2,))
    for text in plan.notes:
        show.line(text)
    show.pairs(
        [
            ("to fetch", f"{file_size(plan.fetch_bytes)} of {file_size(plan.total_bytes)}"),
            ("disk", f"{file_size(room.free)} free; {room.because}"),
            *(
                [("claimed", f"{file_size(room.claimed)} by downloads that run now")]
                if room.claimed
                else []
            ),
            *(
                [("budget", f"{file_size(room.used)} of {file_size(room.budget)} used")]
                if room.budget is not None
                else []
            ),
            ("fits", "yes" if room.fits else "no"),
            *(
                [("time", f"at least {duration(seconds)}, at {file_size(limits.max_speed or 0)}/s")]
                if (seconds := _least_seconds(plan, limits)) is not None
                else []
            ),
            ("licence", plan.listing.licence or "unknown"),
            ("gated", plan.listing.gated or "no"),
        ]
    )
    show.line("Nothing was fetched. Leave out --dry-run to fetch it.")


def _headline(plan: PullPlan) -> str:
    licence = f", licence {plan.listing.licence or 'unknown'}"
    if not plan.fetch:
        here = counted(len(plan.have), "file is", "files are")
        return f"{plan.listing.name}: nothing to fetch, {here} here."
    return (
        f"{plan.listing.name} at {plan.listing.commit[:12]}: {counted(len(plan.fetch), 'file')}, "
        f"{file_size(plan.fetch_bytes)}{licence}"
    )


def end_of(plan: PullPlan, manifest: Manifest, how: str, fetched: int, seconds: float) -> None:
    """Show what was kept, and how fast it came."""
    if how == "json":
        show.event(
            {
                "event": "done",
                "name": manifest.name,
                "commit": manifest.commit,
                "variant": plan.variant,
                "fetched_bytes": fetched,
                "seconds": round(seconds, 3),
            }
        )
    elif how != "none" and not plan.fetch:
        again = f"`ostler verify {manifest.name}` reads it again"
        show.note(f"Kept {manifest.name}{choice(plan)}: all of it was here; {again}.")
    elif how != "none":
        speed = f", {file_size(int(fetched / seconds))}/s" if fetched and seconds > 0.5 else ""
        show.note(
            f"Kept {manifest.name}{choice(plan)}: "
            f"every byte verified, in {duration(seconds)}{speed}."
        )


def choice(plan: PullPlan) -> str:
    """The part of the model's name that says which quantization it is."""
    named_by_format = plan.variant is None or plan.variant in set(Format)
    return "" if named_by_format else f"#{plan.variant}"


def _as_data(plan: PullPlan) -> dict[str, object]:
    return {
        "name": plan.listing.name,
        "commit": plan.listing.commit,
        "variant": plan.variant,
        "licence": plan.listing.licence,
        "gated": plan.listing.gated,
        "fetch_bytes": plan.fetch_bytes,
        "total_bytes": plan.total_bytes,
        "files": [
            {"path": p.file.path, "bytes": p.file.size, "act": act, "because": p.because}
            for act, group in (("fetch", plan.fetch), ("have", plan.have), ("leave", plan.ignored))
            for p in group
        ],
        "notes": plan.notes,
    }
