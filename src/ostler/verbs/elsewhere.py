"""A model as another machine will have it: pulled there by Ostler itself, into a home of its own.

It need not be kept here: a hub's listing and the headers of its files say all that is written down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.naming import Named
from ostler.errors import UsageError
from ostler.nouns import (
    Format,
    Installed,
    KeptFile,
    LaunchSpec,
    Listing,
    Manifest,
    ModelFacts,
    RemoteFile,
    Served,
    Task,
    Variant,
    Workload,
)
from ostler.ports import Engine
from ostler.store import Store
from ostler.store.store import servable
from ostler.verbs.fit import within

EVERYWHERE = "0.0.0.0"  # noqa: S104 - within a container, whose ports its surroundings guard


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another machine pulls, and what its engine is then given."""

    ref: str  # "hf:org/name@commit#variant": what `ostler pull` is told there
    served: Served
    bytes: int  # of all files that it pulls
    gated: bool  # its hub wants a token


def kept(store: Store, named: Named, facts: ModelFacts, home: str) -> Elsewhere:
    """Return a model that is kept here as it will lie in `home` there. Raises UsageError."""
    manifest = named.manifest
    if manifest.source not in ("hf", "ms"):
        raise UsageError(
            f"{named.id} came from a {manifest.source}, which another machine does not have.",
            hint="`ostler hub serve` lets other machines pull it from this one; then name that hub"
            " with --hub.",
        )
    folder = _in(home, store, manifest)
    others = {file for one in servable(manifest) if one != named.variant for file in one.files}
    size = _bytes(manifest.files, others - set(named.variant.files))
    return Elsewhere(
        _ref(manifest, named.variant),
        _served(named.id, folder, named.variant, facts, named.aliases),
        size,
        manifest.gated is not None or manifest.private,
    )


def on_hub(
    store: Store,
    listing: Listing,
    variant: Variant,
    facts: ModelFacts,
    taken: Iterable[RemoteFile],
    home: str,
) -> Elsewhere:
    """Return a model of a hub as it will lie in `home` there; `taken` are the files of a pull."""
    manifest = Manifest(listing.source, listing.name, listing.commit, ())
    named = listing.name + (f"#{variant.name}" if variant.format is Format.GGUF else "")
    served = _served(named, _in(home, store, manifest), variant, facts, ())
    size = _bytes(taken, set())
    gated = listing.gated is not None or listing.private
    return Elsewhere(_ref(manifest, variant), served, size, gated)


def launch(
    model: Elsewhere, engine: Engine, installed: Installed, workload: Workload, port: int
) -> LaunchSpec:
    """Return the process that serves it there: the engine's own description, listening to all."""
    longest = model.served.facts.context_length or DEFAULT_CONTEXT
    workload = within(model.served.facts, workload)
    load = replace(workload, context=workload.context or min(longest, DEFAULT_CONTEXT))
    return engine.launch(installed, model.served, load, EVERYWHERE, port)


def _ref(manifest: Manifest, variant: Variant) -> str:
    return f"{manifest.source}:{manifest.name}@{manifest.commit}#{variant.name}"


def _in(home: str, store: Store, manifest: Manifest) -> str:
    place = store.place(manifest).relative_to(store.home)
    return f"{home}/{place.as_posix()}"


def _served(
    id: str, folder: str, variant: Variant, facts: ModelFacts, aliases: tuple[str, ...]
) -> Served:
    weights = f"{folder}/{variant.files[0]}"
    return Served(id, folder, weights, facts.task or Task.CHAT, facts, aliases)


def _bytes(files: Iterable[KeptFile | RemoteFile], without: set[str]) -> int:
    return sum(file.size for file in files if file.path not in without)
