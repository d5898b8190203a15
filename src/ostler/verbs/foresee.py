"""Before a download: would any engine here load the model?"""

from __future__ import annotations

from ostler.core import quants
from ostler.errors import EngineUnsupported, UnsupportedArchitecture
from ostler.nouns import PullPlan
from ostler.ports import Source
from ostler.verbs.inspect import remote_facts
from ostler.verbs.prepare import Machine, choose_engine

MOST = 1 << 20  # bytes of headers: the architecture stands in config.json or early in a GGUF


def foresee(
    plan: PullPlan, source: Source, machine: Machine, wanted: str | None
) -> EngineUnsupported | None:
    """Refuse a model whose architecture no engine loads, before its weights are fetched.

    Any other reason against a start can be mended while it is fetched, so it is returned; None
    where there is none. Raises UnsupportedArchitecture, CorruptFile, and what the source raises.
    """
    if not plan.fetch:
        return None
    choices = quants.variants(one.path for one in plan.listing.files)
    variant, _ = quants.choose(choices, plan.variant)
    facts = remote_facts(source, plan.listing, variant, MOST)
    try:
        choose_engine(facts, machine, wanted)
    except UnsupportedArchitecture:
        raise
    except EngineUnsupported as unsupported:
        return unsupported
    return None
