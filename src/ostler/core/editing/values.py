"""The same as plain data: what a file shall say, said as a change of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostler.errors import CannotEdit

Path = Sequence[str]


def at(data: Any, path: Path) -> Any:
    """Return the value at a path of keys; None where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def put(data: Any, path: Path, value: Any) -> Any:
    """Return the data with a value at a path. Raises CannotEdit where the way is no mapping."""
    if not path:
        return value
    if data is not None and not isinstance(data, dict):
        raise CannotEdit(
            f"There is a value where {path[0]!r} was to be put.", hint="Make the change by hand."
        )
    inner = put((data or {}).get(path[0]), path[1:], value)
    return {**(data or {}), path[0]: inner}


def without(data: Any, path: Path) -> Any:
    """Return the data without what is at a path."""
    if at(data, path[:-1]) is None or path[-1] not in at(data, path[:-1]):
        return data
    holder = dict(at(data, path[:-1]))
    del holder[path[-1]]
    return put(data, path[:-1], holder)


def merged(data: Any) -> Any:
    """Return the data with what `<<` brings into a mapping; its own keys win, then earlier ones."""
    if isinstance(data, list):
        return [merged(one) for one in data]
    if not isinstance(data, dict):
        return data
    brought = data.get("<<", [])
    found: dict[Any, Any] = {}
    for one in reversed(brought if isinstance(brought, list) else [brought]):
        found |= merged(one) if isinstance(one, dict) else {}
    return found | {name: merged(one) for name, one in data.items() if name != "<<"}
