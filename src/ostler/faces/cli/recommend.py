"""`ostler recommend`: which model, on which GPU, for how much; or the GPUs for one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from ostler.core.needing import held_by
from ostler.core.offers import Match, Wanted, closest, within
from ostler.core.recommending import Pick, Recommendation, recommend
from ostler.core.sizes import counted
from ostler.errors import DoesNotFit, NoGpuFits, UsageError
from ostler.faces.cli import money, offering, options, show
from ostler.faces.cli.offering import GB, Known
from ostler.nouns import Workload
from ostler.settings import Settings

TASKS = ("chat", "coding", "reasoning", "vision", "completion", "embed", "rerank")
SHOWN = 5  # others, where nobody asked for all


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user wants to know."""

    workload: Workload
    wanted: Wanted
    budget: float | None
    hours: float | None
    method: str
    everything: bool


@click.command("recommend")
@click.argument("model", required=False)
@click.option("--task", type=click.Choice(TASKS), help="What it is for.")
@options.context
@options.sequences
@options.kv_dtype
@click.option("--budget", type=options.Number(0), metavar="USD", help="At most so much an hour.")
@click.option("--hours", type=options.Number(0), metavar="N", help="Also say what N hours cost.")
@click.option("--gpu", metavar="NAME", help="Only on this GPU.")
@offering.provider
@offering.region
@offering.arch
@offering.spot
@offering.suspect
@offering.most_gpus
@offering.method
@click.option("--all", "everything", is_flag=True, help="Every choice, and what was left out.")
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, task: str | None, context: int | None, sequences: int,
    kv_dtype: str, budget: float | None, hours: float | None, gpu: str | None,
    providers: tuple[str, ...], regions: tuple[str, ...], arch: str | None, spot: bool,
    suspect: bool, most_gpus: int, method: str, everything: bool, endpoint: str | None,
    offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say which model of the catalogue to take for a task, and on which rented GPU.

    What is already kept here goes first, then what is made for the task, then the model with the
    most parameters that the budget pays for, on the cheapest offer that holds it. With MODEL, the
    offers for that one. The exit code is 30 where nothing will do; the closest is shown.

    \b
    ostler recommend --task coding --context 32768 --budget 1.00
    ostler recommend qwen2.5-coder-32b --context 32768 --hours 4
    """
    if (model is None) == (task is None):
        raise UsageError("Give either --task or MODEL.", hint="ostler recommend --task coding")
    wanted = offering.wanted(providers, regions, arch, spot, suspect, most_gpus, gpu)
    asked = Asked(Workload(context, sequences, kv_dtype), wanted, budget, hours, method, everything)
    if task:
        _for_task(settings, task, asked, as_json)
    elif model:
        _for_model(settings, offering.known(settings, model, endpoint, offline), asked, as_json)


def _for_task(settings: Settings, task: str, asked: Asked, as_json: bool) -> None:
    offers = offering.offers(settings, asked.wanted)
    candidates = offering.candidates(settings)
    found = recommend(candidates, offers, task, asked.workload, asked.budget, asked.method)
    if as_json:
        show.as_json(_entry(found, asked.hours))
    else:
        _show(found, asked)
    if found.best is None:
        raise SystemExit(NoGpuFits.exit_code)


def _show(found: Recommendation, asked: Asked) -> None:
    show.line(found.reason)
    nearest = (found.closest,) if found.closest else ()
    picks = (found.best, *found.others) if found.best else nearest
    shown = picks if asked.everything else picks[: SHOWN + 1]
    if shown:
        offering.picks(shown, asked.hours)
    if len(shown) < len(picks):
        show.line(f"{len(picks) - len(shown)} more would do: --all shows them.")
    if asked.everything:
        show.table(("LEFT OUT", "BECAUSE"), found.left_out)
    offering.stale([pick.match.offer for pick in shown])
    if found.best and not found.best.candidate.here:
        show.line(f"Fetch it: ostler pull {found.best.candidate.entry.repo}")


def _entry(found: Recommendation, hours: float | None) -> dict[str, object]:
    def pick(one: Pick | None) -> dict[str, object] | None:
        if one is None:
            return None
        entry = one.candidate.entry
        return {
            "model": entry.id,
            "repo": entry.repo,
            "licence": entry.licence,
            "action": one.action,
            "offer": offering.entry(one.match, hours),
        }

    return {
        "recommended": pick(found.best),
        "reason": found.reason,
        "others": [pick(one) for one in found.others],
        "closest": pick(found.closest),
        "left_out": [{"model": id, "because": why} for id, why in found.left_out],
    }


def _for_model(settings: Settings, known: Known, asked: Asked, as_json: bool) -> None:
    offers = offering.offers(settings, asked.wanted)
    found = held_by(offers, known.entry, known.facts, asked.workload, asked.method)
    good = [match for match in found if within(asked.budget, match)]
    nearest = closest(found)
    instead = _instead(settings, known, asked, good)
    if as_json:
        show.as_json(
            {
                "model": known.entry.id,
                "repo": known.entry.repo,
                "fits": bool(good),
                "offers": [offering.entry(match, asked.hours) for match in good],
                "closest": offering.entry(nearest, asked.hours) if nearest and not good else None,
                "instead": offering.entry(instead, asked.hours) if instead else None,
            }
        )
    elif good:
        shown = good if asked.everything else good[: 2 * SHOWN]
        hold = counted(len(good), "offer holds", "offers hold")
        show.heading(f"{known.entry.id}: {hold} it, the cheapest first")
        offering.table(shown, asked.hours)
        offering.stale([match.offer for match in shown])
    else:
        _none(known, nearest, asked)
    if instead and not as_json:
        price = money.hourly(instead.offer.price)
        why = "Cheaper, and large enough" if good else "Large enough"
        show.line(f"{why}: {money.what(instead.offer)}, {price}.")
    if not good:
        raise SystemExit((DoesNotFit if asked.wanted.gpus else NoGpuFits).exit_code)


def _instead(settings: Settings, known: Known, asked: Asked, good: Sequence[Match]) -> Match | None:
    """Return what to take instead of a GPU that is too small, or dearer than it need be."""
    if not asked.wanted.gpus:
        return None
    offers = offering.offers(settings, replace(asked.wanted, gpus=()))
    best = closest(held_by(offers, known.entry, known.facts, asked.workload, asked.method))
    if best is None or not best.fits or best.offer.price is None:
        return None
    price = good[0].offer.price if good else None
    return best if price is None or best.offer.price < price else None


def _none(known: Known, nearest: Match | None, asked: Asked) -> None:
    """Say that nothing will do, and what comes closest."""
    limit = "" if asked.budget is None else f" for at most ${asked.budget:.2f}/h"
    show.line(f"No GPU on offer holds {known.entry.id}{limit}.")
    if nearest is None:
        return
    if asked.wanted.gpus and nearest.estimate and not nearest.fits:
        gpu, total = nearest.offer.gpu, nearest.estimate.total / GB
        show.line(f"Selected GPU has {gpu.memory_gb:g}GB but model needs ~{total:.1f}GB.")
    show.line("The closest:")
    offering.table([nearest], asked.hours)
