"""`ostler verify --against DIR`: hold another copy against what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ostler.core import copying
from ostler.core.copying import Difference
from ostler.core.sizes import counted
from ostler.errors import DamagedModel
from ostler.faces.cli import progress, show
from ostler.nouns import Manifest, ModelRef
from ostler.ports import Source


def verify_against(models: Sequence[Manifest], place: str, as_json: bool) -> None:
    """Print how the copy differs. Raises DamagedModel where it does."""
    from ostler.verbs.compare import compare

    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown("bars" if how == "bars" else "none", f"Reading {place}") as report:
        found = compare(models, Path(place).expanduser().absolute(), report)
    if as_json:
        show.as_json({"against": place, "same": not found, "differences": found})
        if found:
            raise SystemExit(DamagedModel.exit_code)
        return
    for one in found:
        show.line(f"{one.model} {one.path}: {one.kind}; {one.because}")
    if found:
        raise DamagedModel(
            f"{place} differs in {counted(len(found), 'file')}.",
            hint="`ostler verify` tells whether the store itself is sound.",
        )
    show.line(f"{place} has the same {sum(len(one.files) for one in models)} files.")


def verify_upstream(
    models: Sequence[Manifest], source_of: Callable[[Manifest], Source], as_json: bool
) -> tuple[Difference, ...]:
    """Say how what is kept differs from what its source lists; return what is wrong of it.

    Files that were left at the source are listed, and are nothing wrong.
    """
    found: list[Difference] = []
    for one in models:
        # ModelScope has no commits of its own: its branch is asked for as it is now
        at = next(iter(one.revisions), None) if one.source == "ms" else one.commit
        ref = ModelRef(one.name, at, source=one.source, place=one.origin or None)
        found += copying.upstream(one, source_of(one).listing(ref))
    for each in () if as_json else found:
        show.line(f"{each.model} {each.path}: {each.kind}; {each.because}")
    if not as_json and not found:
        show.line("As its source lists it, file by file.")
    return tuple(found)
