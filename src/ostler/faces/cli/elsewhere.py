"""The model that a command writes down for another machine: kept here, or still on the hub."""

from __future__ import annotations

from ostler import data, wiring
from ostler.core import quants
from ostler.core.architectures import held
from ostler.core.choosing import unsupported
from ostler.core.refs import parse
from ostler.errors import EngineUnsupported, UnknownModel
from ostler.faces.cli import terms
from ostler.faces.cli.facts import offline_missing
from ostler.nouns import Device, Format, Hardware, Installed, Listing, Manifest, ModelFacts
from ostler.ports import Engine
from ostler.settings import Settings
from ostler.verbs import elsewhere, licensing, pull
from ostler.verbs.elsewhere import Elsewhere
from ostler.verbs.inspect import kept_facts, remote_facts

GIB = 1 << 30


def find(settings: Settings, text: str, home: str, gpus: int) -> Elsewhere:
    """Return the model as it will lie in `home` there; of one that is not kept, headers are read.

    Raises what asking a hub raises, OfflineMissing where none may be asked, and LicenceBlocked.
    """
    store = wiring.store(settings)
    try:
        named = wiring.named(settings, text)
    except UnknownModel as error:
        if settings.offline:
            raise offline_missing(error) from error
    else:
        _allowed(settings, named.manifest)
        return elsewhere.kept(store, named, kept_facts(store, named.manifest, named.variant), home)
    ref = parse(text)
    source = wiring.source(settings, None, ref)
    options = pull.Options(platform="nvidia" if gpus else None)
    plan = pull.plan(ref, source, store, options)
    _allowed(settings, plan.listing)
    choices = quants.variants(one.path for one in plan.listing.files)
    variant, _ = quants.choose(choices, plan.variant)
    facts = remote_facts(source, plan.listing, variant)
    taken = [one.file for one in (*plan.fetch, *plan.have)]
    return elsewhere.on_hub(store, plan.listing, variant, facts, taken, home)


def _allowed(settings: Settings, model: Manifest | Listing) -> None:
    """Hold the licence against the policy: to let others serve a model is to use it."""
    licensing.enforce(terms.registrar(settings).ruling(model))


def usual(model: Elsewhere) -> str:
    """Return the engine that serves models of this format in a container."""
    return "llamacpp" if model.served.facts.format is Format.GGUF else "vllm"


def accepted(engine: Engine, installed: Installed, facts: ModelFacts, gpus: int) -> None:
    """Refuse what the engine could not run on a machine with so many GPUs.

    Raises EngineUnsupported with the engine's own reason, UnsupportedArchitecture.
    """
    devices = [Device("cpu", 0, "a processor", 64 * GIB, 64 * GIB)]
    devices += [Device("nvidia", number, "a GPU", 80 * GIB, 80 * GIB) for number in range(gpus)]
    there = Hardware("linux", "x86_64", "", 1, tuple(devices))
    verdict = engine.judge(facts, there, installed)
    if verdict.can:
        lists = data.architectures()
        verdict = held(verdict, facts, lists)
        if verdict.unlisted:
            raise unsupported([verdict], facts, lists)
    if not verdict.can:
        hint = "" if gpus else "--gpus 1 gives it one; llamacpp runs GGUF without."
        raise EngineUnsupported(
            f"{engine.name} could not run this model there: {verdict.because}.",
            hint=hint or "Choose another with --engine.",
            engine=engine.name,
        )
