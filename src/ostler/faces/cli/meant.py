"""A model's name without its owner: which kept model it means."""

from __future__ import annotations

import re

from ostler import wiring
from ostler.errors import BadRef, OstlerError
from ostler.settings import Settings

_ALONE = re.compile(r"(?P<name>[\w.-]+)(?P<more>[@#].*)?", re.ASCII | re.DOTALL)


def hinted(settings: Settings, error: BadRef) -> BadRef:
    """Give the refusal the whole names of the kept models that are called so, if there are any."""
    alone = _ALONE.fullmatch(str(error.facts.get("ref", "")))
    if alone is None:
        return error
    try:
        kept = {one.name for one in wiring.store(settings).manifests()}
    except OstlerError:  # a store that cannot be read says so to whoever asks for it
        return error
    called = alone["name"].lower()
    whole = sorted(name for name in kept if name.split("/")[1].lower() == called)
    if whole:
        names = " or ".join(f"{name}{alone['more'] or ''}" for name in whole)
        error.hint = f"Write {names}, as `ostler ls` has it."
    return error
