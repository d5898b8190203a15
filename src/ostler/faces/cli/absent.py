"""Why a name leads to no kept model: each cause with its own words and its own way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path

from ostler import wiring
from ostler.core.addresses import without_password
from ostler.core.checkup import Finding
from ostler.core.refs import parse
from ostler.core.sizes import counted
from ostler.errors import OstlerError, UnknownModel
from ostler.settings import Settings

PATHS = ("./", "../", "/", "~")


def explained(settings: Settings, text: str, offline: bool) -> Iterator[Finding]:
    """Yield what is known of a name that no kept model has; the last finding is the cause."""
    text = without_password(text)
    name = text.split("#")[0].split("@")[0]
    store = wiring.store(settings)
    if here := sorted({one.name for one in store.manifests() if one.name == name}):
        what = f"{here[0]} is kept here, but not {text[len(name) :] or 'as asked'}."
        yield Finding("name", "fail", what, f"ostler ls; or fetch it: ostler pull {text}")
        return
    if away := _elsewhere(settings, name):
        yield away
        return
    if tried := _attempt(settings, name):
        yield tried
    entry = _entry(settings, text)
    if entry:
        what = f"{text} is in the catalogue ({entry}) and was not downloaded."
        yield Finding("name", "fail", what, f"ostler pull {entry}")
        return
    yield _nowhere(settings, text, name, offline)


def path(text: str) -> Finding:
    """Say what is at a path that was given in place of a name."""
    place = Path(text).expanduser()
    if place.exists():
        what = f"{place} is there, and Ostler keeps models of its own: it has not taken it in."
        return Finding("path", "fail", what, f"ostler import {place}")
    parent = place.parent
    beside = sorted(one.name for one in parent.iterdir()) if parent.is_dir() else []
    near = get_close_matches(place.name, beside, n=3)
    hint = f"Close to it: {', '.join(str(parent / one) for one in near)}" if near else ""
    return Finding(
        "path", "fail", f"There is nothing at {place}.", hint or "Look at the path again."
    )


def _elsewhere(settings: Settings, name: str) -> Finding | None:
    """Say where a model went that was here once."""
    from ostler.verbs.archive import archived

    store = wiring.store(settings)
    for one in archived(store):
        if one.name == name:
            what = f"{name} was moved to {one.at}."
            return Finding("archive", "fail", what, f"ostler unarchive {name}")
    for entry in reversed(store.trash.entries()):
        if any(manifest.name == name for manifest in entry.manifests):
            what = f"{name} was removed on {entry.at:%Y-%m-%d at %H:%M} UTC."
            return Finding("trash", "fail", what, "ostler undo brings it back")
    return None


def _attempt(settings: Settings, name: str) -> Finding | None:
    """Say how the last try to download it ended."""
    for one in wiring.store(settings).downloads.all():
        if one.name == name and one.running:
            return Finding("download", "info", f"{name} is being fetched now.", "ostler downloads")
    if not wiring.has_records(settings):
        return None
    with closing(wiring.records(settings)) as records:
        tries = records.attempts.of(name)
    if not tries or tries[-1].outcome == "done":
        return None
    last = tries[-1]
    several = f"The last of {counted(len(tries), 'try', 'tries')}"
    which = several if len(tries) > 1 else "The only try"
    what = f"{which} to fetch it {last.outcome} at {last.at[:16]}: {last.what}"
    return Finding("download", "warn", what, f"ostler pull {name} goes on where it stopped")


def _entry(settings: Settings, text: str) -> str | None:
    """Return the repository of a catalogue entry of this name."""
    from ostler.verbs import catalogue

    try:
        return catalogue.shelf(settings.home).find(text).repo
    except UnknownModel:
        return None


def _nowhere(settings: Settings, text: str, name: str, offline: bool) -> Finding:
    """Ask the hub about a name that nothing here knows."""
    from ostler.verbs import catalogue

    try:
        ref = parse(text)
    except OstlerError as refusal:
        known = [entry.id for entry in catalogue.shelf(settings.home).entries]
        known += [one.name for one in wiring.store(settings).manifests()]
        near = get_close_matches(name, known, n=3)
        hint = f"Close to it: {', '.join(near)}" if near else "ostler ls; ostler models"
        what = f"Nothing here is called {text}: no kept model, no catalogue entry. {refusal.what}"
        return Finding("name", "fail", what, hint)
    if offline:
        what = f"{name} is not kept here, and no hub may be asked."
        return Finding("name", "fail", what, f"ostler pull {text}, with a network")
    try:
        listing = wiring.source(settings, None, ref).listing(ref)
    except OstlerError as refusal:
        return Finding(
            refusal.code, "fail", f"{name} is not kept here. {refusal.what}", refusal.hint
        )
    what = f"{listing.name} is on the hub and was not downloaded."
    return Finding("name", "fail", what, f"ostler pull {text}")
