"""What is wrong with a file of wishes, in words for whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ostler.errors import UsageError


def refusal(
    path: Path, flaw: Mapping[str, Any], parts: Mapping[str, type[BaseModel]]
) -> UsageError:
    """Return the refusal for one of pydantic's errors, with the place.

    `parts` are the schemas by the name of their part of the file; that of all of it is "".
    """
    place = [str(part) for part in flaw["loc"] if part != "[key]"]
    where = ".".join(place)
    if flaw["type"] == "extra_forbidden":
        known = parts[place[0] if len(place) > 1 else ""].model_fields
        return UsageError(
            f"{path}: {where}: there is nothing called {place[-1]}.",
            hint=f"There are {', '.join(sorted(known))}.",
        )
    said = str(flaw["msg"]).removeprefix("Value error, ").rstrip(".")
    return UsageError(f"{path}: {where}: {said}.", hint="Correct it there; nothing was changed.")
