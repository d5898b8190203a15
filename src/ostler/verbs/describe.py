"""Describe the process that would serve a kept model, on this machine or in an image."""

from __future__ import annotations

from dataclasses import replace

from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.naming import Named
from ostler.nouns import Installed, LaunchSpec, Workload
from ostler.ports import Engine
from ostler.store import Store
from ostler.verbs.fit import within
from ostler.verbs.inspect import kept_facts
from ostler.verbs.prepare import as_served


def describe(
    named: Named,
    store: Store,
    engine: Engine,
    installed: Installed,
    workload: Workload,
    host: str,
    port: int,
) -> LaunchSpec:
    """Return the process as the engine describes it; what runs here and what is written agree."""
    facts = kept_facts(store, named.manifest, named.variant)
    served = as_served(named, store, facts)
    workload = within(facts, workload)
    context = workload.context or min(facts.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    return engine.launch(installed, served, replace(workload, context=context), host, port)
