"""Triton's model repository, as the described processes would read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ostler.errors import UsageError
from ostler.nouns import LaunchSpec


def repository(specs: Iterable[LaunchSpec]) -> Mapping[str, str]:
    """Return the files of one repository for all of these models, by their path in it.

    Raises UsageError where two models would have one name in it.
    """
    found: dict[str, str] = {}
    for spec in specs:
        for place, text in spec.files.items():
            path = place.partition("/")[2]
            if path in found:
                raise UsageError(
                    f"Two models would be {path.partition('/')[0]} in the repository.",
                    hint="Write each into a repository of its own.",
                )
            found[path] = text
    return found
