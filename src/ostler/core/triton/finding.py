"""What is known of a model repository on disk, and what is found wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WARN, FAIL = "warn", "fail"
CONFIG, ARGUMENTS = "config.pbtxt", "model.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: it is not served (`fail`), or otherwise than meant (`warn`)."""

    level: str
    code: str  # a stable word
    path: str  # in the repository; empty: all of it
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Tree:
    """A repository as it was read: paths are relative to it, with `/`."""

    folders: frozenset[str]
    files: Mapping[str, int] = field(default_factory=dict)  # path -> bytes
    texts: Mapping[str, str] = field(default_factory=dict)  # of the small files that are read
    targets: Mapping[str, str] = field(default_factory=dict)  # model.json's path -> what it names

    def inside(self, folder: str) -> tuple[str, ...]:
        """Return the names of the folders directly in a folder; the empty name is the top."""
        start = f"{folder}/" if folder else ""
        names = (one[len(start) :] for one in self.folders if one.startswith(start))
        return tuple(sorted(name for name in names if name and "/" not in name))


# What the path in a model.json is: the values of Tree.targets.
WEIGHTS = "weights"  # a folder with a config.json
NO_CONFIG = "no config"  # a folder without one
RAW = "raw"  # a folder with Meta's own checkpoints
ABSENT = "absent"  # no such folder
HUB = "hub"  # no path at all: the name of a repository on a hub
RELATIVE = "relative"  # a path whose beginning only the server's working folder knows
