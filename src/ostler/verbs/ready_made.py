"""Who has a model made smaller already: asked of the hub by name, then seen in the files."""

from __future__ import annotations

from dataclasses import dataclass

from ostler.core import quantizing, quants
from ostler.core.quantizing import Method
from ostler.errors import OstlerError
from ostler.nouns import Format, ModelRef
from ostler.ports import Source
from ostler.store import Store
from ostler.verbs.search import search

LOOKED_AT = 3  # repositories whose files are listed


@dataclass(frozen=True, slots=True)
class Ready:
    """A repository that has the model made smaller already."""

    name: str
    downloads: int | None
    variant: str | None  # None: the name promises it, and the files were not looked at
    size: int | None


def look(
    name: str, method: Method, store: Store, source: Source | None
) -> tuple[tuple[Ready, ...], str | None]:
    """Return the repositories that have this model made smaller, and why the hub was not asked.

    The files of the first few are listed, so that what a name promises is seen.
    """
    if source is None:
        return (), "the hub was not asked"
    found = search(quantizing.words(name, method), source, store, limit=50)
    names = quantizing.ready_made(found.results, name, method)
    ready = [_ready(one.name, one.downloads, method, source) for one in names[:LOOKED_AT]]
    rest = [Ready(one.name, one.downloads, None, None) for one in names[LOOKED_AT:]]
    return (*(one for one in ready if one), *rest), found.hub_error


def _ready(name: str, downloads: int | None, method: Method, source: Source) -> Ready | None:
    try:
        listing = source.listing(ModelRef(name))
    except OstlerError:
        return Ready(name, downloads, None, None)
    sizes = {file.path: file.size for file in listing.files}
    choices = [one for one in quants.variants(sizes) if one.format is method.format]
    if method.format is Format.GGUF:
        choices = [one for one in choices if one.name == method.name]
    if not choices:
        return None  # the repository has others
    taken = choices[0]
    variant = taken.name if method.format is Format.GGUF else None
    return Ready(name, downloads, variant, sum(sizes[path] for path in taken.files))
