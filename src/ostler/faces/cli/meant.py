"""What a name that leads to no kept model was meant to be: its whole name, or where it went."""

from __future__ import annotations

import re

from ostler import wiring
from ostler.errors import OstlerError, UnknownModel
from ostler.settings import Settings

_ALONE = re.compile(r"(?P<name>[\w.-]+)(?P<more>[@#].*)?", re.ASCII | re.DOTALL)


def hinted(settings: Settings, error: OstlerError) -> OstlerError:
    """Let a refusal of a name, UnknownModel or BadRef, say what is known of it here."""
    if isinstance(error, UnknownModel):
        name = str(error.facts.get("model", ""))
        if name and (place := moved(settings, name)):
            error.what = f"{name} was moved to {place}."
            error.hint = f"`ostler unarchive {name}` brings it back."
        return error
    if whole := _whole(settings, str(error.facts.get("ref", ""))):
        error.hint = f"Write {' or '.join(whole)}, as `ostler ls` has it."
    return error


def moved(settings: Settings, name: str) -> str | None:
    """Return the place that a model (org/name) was archived to, where it is not kept here."""
    from ostler.verbs.archive import archived

    store = wiring.store(settings)
    if any(one.name == name for one in store.manifests()):
        return None
    return next((one.at for one in archived(store) if one.name == name), None)


def _whole(settings: Settings, text: str) -> list[str]:
    """Return the kept models that a name without its owner may mean."""
    alone = _ALONE.fullmatch(text)
    if alone is None:
        return []
    try:
        kept = {one.name for one in wiring.store(settings).manifests()}
    except OstlerError:  # a store that cannot be read says so to whoever asks for it
        return []
    called = alone["name"].lower()
    names = sorted(name for name in kept if name.split("/")[1].lower() == called)
    return [f"{name}{alone['more'] or ''}" for name in names]
