"""Prices by the library gpuhunt, which is an extra: `pip install 'ostler[prices]'` brings it."""

from __future__ import annotations

import logging
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
            hint="pip install 'ostler[prices]', or give a file: ostler prices update FILE",
        ) from None
    # it logs a traceback for every provider that does not answer; one sentence of ours is enough
    logging.getLogger("gpuhunt").setLevel(logging.CRITICAL)
    try:
        found: Iterable[Any] = library.query(provider=list(providers) or None, min_gpu_count=1)
    except (OSError, library.GPUHuntError) as error:
        raise HubUnreachable(
            f"gpuhunt got no prices: {error}.", hint="Try again, or give a file."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"gpuhunt: {error}", hint="It knows aws, gcp, lambda, runpod ..."
        ) from error
    return found
