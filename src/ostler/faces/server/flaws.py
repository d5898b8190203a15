"""What is wrong with a file of wishes, in words for whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ostler.errors import UsageError

LONGEST = 80  # characters of a value that is repeated
WORDS = {  # by pydantic's names of what is wrong
    "list_type": "a list is needed, such as [a, b], not {input}",
    "dict_type": "names with values are needed, such as {{name: value}}, not {input}",
    "model_type": "names with values are needed, such as {{name: value}}, not {input}",
    "int_type": "a whole number is needed, not {input}",
    "int_parsing": "a whole number is needed, not {input}",
    "int_from_float": "a whole number is needed, not {input}",
    "float_type": "a number is needed, not {input}",
    "float_parsing": "a number is needed, not {input}",
    "bool_type": "true or false is needed, not {input}",
    "bool_parsing": "true or false is needed, not {input}",
    "string_type": "a text is needed, not {input}",
    "literal_error": "it is {expected}, not {input}",
    "greater_than": "it must be more than {gt}, not {input}",
    "greater_than_equal": "it must be {ge} or more, not {input}",
    "less_than_equal": "it must be {le} or less, not {input}",
}


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
    said = WORDS.get(flaw["type"], "{msg}").format(
        msg=str(flaw["msg"]).removeprefix("Value error, ").rstrip("."),
        input=repr(flaw["input"])[:LONGEST],
        **flaw.get("ctx", {}),
    )
    return UsageError(f"{path}: {where}: {said}.", hint="Correct it there; nothing was changed.")
