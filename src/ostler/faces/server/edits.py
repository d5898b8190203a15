"""Changes to the wishes file, each a function of what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ostler.errors import UsageError

Edit = Callable[[Any], None]
Canonical = Callable[[str], str]  # any of a model's names -> its own


def preload(models: Sequence[str]) -> Edit:
    """Make this the preload list."""
    return lambda file: file.update(preload=list(models))


def pin(model: str) -> Edit:
    """Pin a model where it is."""
    return lambda file: wish(model, {"pinned": True})(file)


def unpin(model: str, canonical: Canonical) -> Edit:
    """Let go of a model, under whatever name it is pinned or preloaded."""

    def edit(file: Any) -> None:
        if file.get("preload"):
            file["preload"] = [name for name in file["preload"] if canonical(name) != model]
        for name, one in (file.get("models") or {}).items():
            if canonical(name) == model and one:
                one.pop("pinned", None)

    return edit


def refuse_flags(wishes: dict[str, Any]) -> None:
    """Refuse an engine's own flags from afar: some have it run code out of a file or a module."""
    if wishes.get("flags"):
        raise UsageError(
            "An engine's own flags are wished in ostler.yaml alone.",
            hint="`ostler config` shows the home that it is in: models, NAME, flags.",
        )


def wish(model: str, wishes: dict[str, Any]) -> Edit:
    """Wish this for a model; a value of None takes the wish back."""

    def edit(file: Any) -> None:
        place = _under(file, "models", model)
        for name, value in wishes.items():
            if value is None:
                place.pop(name, None)
            else:
                place[name] = value

    return edit


def pool(name: str, values: dict[str, Any] | None) -> Edit:
    """Set a pool, or with None dissolve it."""

    def edit(file: Any) -> None:
        if values is None:
            if name not in (file.get("pools") or {}):
                raise UsageError(f"There is no pool {name}.", hint="ostler pool")
            del file["pools"][name]
            return
        place = _under(file, "pools", name)
        place.clear()
        place.update(values)

    return edit


def _under(file: Any, part: str, name: str) -> Any:
    """The mapping of a name in a part of the file, made where it is not there."""
    if file.get(part) is None:
        file[part] = {}
    if file[part].get(name) is None:
        file[part][name] = {}
    return file[part][name]
