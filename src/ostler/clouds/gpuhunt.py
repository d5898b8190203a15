"""Prices by the library gpuhunt, which does not come along: `pip install gpuhunt` brings it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from ostler.errors import HubUnreachable, UsageError


def items(providers: tuple[str, ...] = ()) -> Iterable[Any]:
    """Return gpuhunt's catalogue items of these providers, all where empty; it asks the network.

    Raises UsageError where the library is absent, HubUnreachable where it gets no answer.
    """
    try:
        library = import_module("gpuhunt")
    except ModuleNotFoundError:
        raise UsageError(
            "The library gpuhunt is not installed here.",
            hint="`pip install gpuhunt` beside Ostler, or give a file: ostler prices update FILE",
        ) from None
    try:
        found: Iterable[Any] = library.query(provider=list(providers) or None, min_gpu_count=1)
    except OSError as error:
        raise HubUnreachable(
            f"gpuhunt got no prices: {error}", hint="Try again, or give a file."
        ) from error
    return found
