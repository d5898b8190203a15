"""Services in a Compose file that is not ours: put in, and taken out, with the rest as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ostler.core.drift import Written
from ostler.core.editing import at, put, without
from ostler.errors import UsageError
from ostler.faces.cli import changing, writing
from ostler.settings import Settings
from ostler.verbs import editing
from ostler.verbs import written as w

SHARED = ("secrets", "networks")  # beside the services; what is there of them stays as it is


def into(
    settings: Settings, path: Path, content: Mapping[str, Any], *, force: bool, dry_run: bool,
    as_json: bool = False,
) -> None:  # fmt: skip
    """Put services into a file, show the diff, keep a copy, and remember what was put there.

    Raises UsageError for a service of the same name that Ostler did not write, unless `force`.
    """
    services: dict[str, Any] = content["services"]
    change = plan(settings, path, content, force=force)
    changing.make(
        settings, [change], "export compose", ", ".join(services), dry_run=dry_run, as_json=as_json,
        said={"services": sorted(services)},
    )  # fmt: skip
    if not dry_run:
        for name, value in services.items():
            writing.remember_part(path, ("services", name), value)


def plan(
    settings: Settings, path: Path, content: Mapping[str, Any], *, force: bool = False
) -> editing.Change:
    """Return the change that puts services, with the secrets and networks they name, into a file.

    A file that is not there is begun. Raises UsageError, BrokenYaml, CannotEdit.
    """
    ours = own(settings, path)

    def merged(held: Any) -> Any:
        for name, value in content["services"].items():
            there = at(held, ("services", name))
            if there is not None and there != value and name not in ours and not force:
                raise UsageError(
                    f"{path} has a service {name} that Ostler did not write.",
                    hint="Choose another name with --service, or replace it with --force.",
                )
            held = put(held, ("services", name), value)
        for part in SHARED:
            for name, value in (content.get(part) or {}).items():
                if at(held, (part,)) is None or name not in at(held, (part,)):
                    held = put(held, (part, name), value)
        return held

    return editing.plan(path, merged, new=True)


def taken_out(path: Path, name: str) -> editing.Change:
    """Return the change that takes a service out of a file."""
    return editing.plan(path, lambda held: without(held, ("services", name)))


def own(settings: Settings, path: Path) -> dict[str, Written]:
    """Return the services that Ostler put into a file, by name."""
    place = str(path.resolve())
    found = [one for one in w.everything(settings.home) if one.path == place]
    return {one.part[1]: one for one in found if one.part[:1] == ("services",)}
