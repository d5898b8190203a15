"""How commands change the operator's wishes: through the server, or in the file where none runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ostler import wiring
from ostler.errors import UsageError
from ostler.faces.cli import server, show
from ostler.settings import Settings


def in_force(settings: Settings) -> dict[str, Any]:
    """Return the wishes that hold: the running server's, else the file's. Raises UsageError."""
    found = server.running(settings)
    if found:
        answer: dict[str, Any] = server.ask(found, "GET", "/api/wishes")
        return answer
    return tell(settings, "GET", "", None, None, dry_run=True)


def tell(
    settings: Settings, method: str, path: str, value: Any, edit: Any, dry_run: bool
) -> dict[str, Any]:
    """Carry a change out; return the wishes in force. Raises UsageError and the server's words."""
    found = server.running(settings)
    if found and not dry_run:
        answer: dict[str, Any] = server.ask(found, method, path, value)
        return answer
    from ostler.faces.server import wishes as w

    file = settings.home / w.FILE
    wished = w.load(file) if dry_run else w.edit(file, edit)
    return {
        "path": str(file),
        "preload": wished.preload,
        "wishes": wished.model_dump(mode="json", exclude_defaults=True),
        "unmet": [],
    }


def known(settings: Settings, name: str) -> str:
    """Return a kept model's own name. Raises BadRef, UnknownModel."""
    return wiring.named(settings, name).id


def own_name(settings: Settings, name: str) -> str:
    """Return a model's own name; one that is not kept here is taken as it is."""
    from ostler.errors import OstlerError

    try:
        return known(settings, name)
    except OstlerError:
        return name


def pool_path(name: str) -> str:
    """Return the control API's path of a pool. Raises UsageError for what can be no name."""
    from ostler.faces.server.wishes import POOL

    if not POOL.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a pool's name.", hint="Use A-Z a-z 0-9 . _ -, 64 at most."
        )
    return f"/api/pools/{quote(name, safe='')}"


def show_unmet(wished: dict[str, Any]) -> None:
    """Print the wishes that cannot be met, each with its reason."""
    for text in wished["unmet"]:
        show.line(f"Cannot be met: {text}")
