"""Names that can be imported, and that say what is missing when they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


def names_of(module: str) -> Callable[[str], Callable[..., NoReturn]]:
    """Return a module's `__getattr__`: every name is there, and none does anything."""

    def find(name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: object, **__: object) -> NoReturn:
            raise NotImplementedError(f"{module}.{name} is not in this environment")

        return missing

    return find
