"""`ostler why`: what stands between a name and an answer, step by step, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ostler import wiring
from ostler.core.checkup import Finding, worst
from ostler.core.naming import Named
from ostler.core.sizes import duration, memory
from ostler.errors import BadRef, OstlerError, UnknownModel, Unwell
from ostler.faces.cli import absent, options, server, show
from ostler.faces.cli.doctor import LOOKS
from ostler.faces.cli.waiting import waiting
from ostler.nouns import Workload
from ostler.settings import Settings

COMING = ("sizing", "starting", "queued")


@click.command("why")
@click.argument("model")
@options.engine
@options.context
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, engine: str | None, context: int | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Say what stands between MODEL and an answer, and what to do.

    Looks in this order: is the name known, is the model here, are its files whole, does the
    licence allow it, which engine runs it, does it fit, and what does the running server say.
    It ends at the first thing that is in the way, with exit code 1.

    \b
    ostler why Qwen/Qwen2.5-0.5B-Instruct
    ostler why ./models/mine --offline
    ostler why llama-3.1-8b --json
    """
    with waiting(f"Looking at {model}"):
        found = list(explain(settings, model, engine, context, offline))
    if as_json:
        show.as_json({"model": model, "state": worst(found), "steps": found})
    else:
        for one in found:
            show.line(f"{show.style(f'{one.state:4}', fg=LOOKS[one.state])}  {one.what}")
            if one.fix:
                show.line(f"      {one.fix}")
    if worst(found) == "fail":
        raise SystemExit(Unwell.exit_code)


def explain(
    settings: Settings, model: str, engine: str | None, context: int | None, offline: bool
) -> Iterator[Finding]:
    """Yield what stands between a model and an answer; the first that fails is the last."""
    if model.startswith(absent.PATHS):
        yield absent.path(model)
        return
    try:
        named = wiring.named(settings, model)
    except (UnknownModel, BadRef):
        yield from absent.explained(settings, model, offline)
        return
    except OstlerError as refusal:
        yield Finding("name", "fail", refusal.what, refusal.hint)
        return
    here = f"{named.id} is kept here, at {named.manifest.commit[:12]}."
    yield Finding("name", "ok", here)
    steps: tuple[Iterator[Finding], ...] = (
        _files(settings, named),
        _start(settings, named, engine, context),
        _served(settings, named),
    )
    for step in steps:
        try:
            for one in step:
                yield one
                if one.state == "fail":
                    return
        except OstlerError as refusal:
            yield Finding(refusal.code, "fail", refusal.what, refusal.hint)
            return


def _files(settings: Settings, named: Named) -> Iterator[Finding]:
    from ostler.verbs.examine import whole

    yield whole(wiring.store(settings), named.manifest)


def _start(
    settings: Settings, named: Named, engine: str | None, context: int | None
) -> Iterator[Finding]:
    from ostler.verbs.prepare import prepare

    load = Workload(context=context or settings.context, for_all=not context)
    machine = wiring.machine(settings)
    ready = prepare(named, wiring.store(settings), machine, load, engine)
    yield Finding(
        "licence", "ok", f"Its licence ({named.manifest.licence or 'unknown'}) allows it."
    )
    choice, need, place = ready.choice, ready.estimate, ready.placement
    yield Finding("engine", "ok", f"{choice.engine} runs it: {choice.rule}.")
    fits = f"It needs {memory(need.required)} on {place.device.id}: {place.because}."
    yield Finding("memory", "ok", fits)


def _served(settings: Settings, named: Named) -> Iterator[Finding]:
    running = server.running(settings)
    if running is None:
        what = "No server runs for this home, so nobody answers for it."
        yield Finding(
            "server", "warn", what, f"ostler serve; or ask once: ostler run {named.id} ..."
        )
        return
    state = server.ask(running, "GET", "/api/fleet")
    unmet = [
        text for text in server.ask(running, "GET", "/api/wishes")["unmet"] if named.id in text
    ]
    for text in unmet:
        yield Finding("wishes", "warn", text, "ostler sync --check")
    units = [one for one in state["models"] if one["id"].partition("~")[0] == named.id]
    for one in units:
        yield _unit(one)
    if named.id in state["waiting"]:
        line = ", ".join(state["waiting"])
        what = f"It waits for room; in line: {line}."
        yield Finding("room", "warn", what, "ostler ps shows what holds it; ostler unload frees it")
    if not units and named.id not in state["waiting"]:
        what = f"It is not loaded at {running.address}; the first request loads it."
        yield Finding("server", "info", what, f"ostler load {named.id} loads it now")
    for text in state["warnings"]:
        if text not in unmet:
            yield Finding("server", "warn", text)


def _unit(one: dict[str, object]) -> Finding:
    id, state, why = str(one["id"]), one["state"], one.get("why")
    said = f": {str(why).rstrip('.')}" if why else ""
    if state == "failed":
        return Finding(str(one["code"]), "fail", f"{id} failed{said}.", str(one["hint"]))
    if state in COMING:
        eta = one.get("eta_seconds")
        left = f", ready in about {duration(float(str(eta)))}" if eta is not None else ""
        return Finding("engine", "info", f"{id} is on its way ({state}{left}){said}.")
    return Finding("engine", "ok", f"{id} is {state} on {one.get('device') or 'no device'}{said}.")
