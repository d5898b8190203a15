"""Folder names for models in a plain folder: `<base>/<name>` or `<base>/<owner>/<name>`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

LAYOUTS = ("name", "owner")


def folder(name: str, layout: str) -> str:
    """Return the folder of a repository `owner/name` below the base."""
    return name if layout == "owner" else name.rpartition("/")[2]


def folders(names: Iterable[str]) -> dict[str, str]:
    """Return one folder for each repository, by its bare name where that is its alone.

    Names that differ in case only count as one, since some file systems hold them so; each of
    these gets `owner--name`, so that no folder ever holds two models.
    """
    known = sorted(set(names))
    uses = Counter(folder(name, "name").casefold() for name in known)
    return {
        name: folder(name, "name")
        if uses[folder(name, "name").casefold()] == 1
        else name.replace("/", "--")
        for name in known
    }
