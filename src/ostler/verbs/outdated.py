"""Ask the hub whether the branches that kept models came by lead elsewhere by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ostler.errors import OstlerError
from ostler.nouns import Manifest, ModelRef
from ostler.ports import Source


@dataclass(frozen=True, slots=True)
class Standing:
    """A kept commit beside what its branch or tag leads to upstream."""

    name: str
    revision: str
    kept: str
    upstream: str | None  # None: unknown
    because: str = ""  # why it is unknown

    @property
    def outdated(self) -> bool | None:
        return None if self.upstream is None else self.upstream != self.kept


def standings(
    models: Iterable[Manifest], source_of: Callable[[Manifest], Source]
) -> tuple[Standing, ...]:
    """Return one standing for each branch or tag of each model; no bytes are fetched.

    A hub that refuses or does not answer makes that one standing unknown, with its reason.
    What was made here has nothing upstream: no hub is asked for its name.
    """
    found = []
    for manifest in models:
        if manifest.derived_from:
            continue
        for revision in manifest.revisions:
            upstream, because = _ask(manifest, revision, source_of)
            found.append(Standing(manifest.name, revision, manifest.commit, upstream, because))
    return tuple(found)


def _ask(
    manifest: Manifest, revision: str, source_of: Callable[[Manifest], Source]
) -> tuple[str | None, str]:
    place = manifest.origin or None
    ref = ModelRef(manifest.name, revision, source=manifest.source, place=place)
    try:
        return source_of(manifest).listing(ref).commit, ""
    except OstlerError as error:
        return None, error.what
