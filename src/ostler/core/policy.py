"""The operator's rules for what may come in: from which sources, and in which formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ostler.core import quants
from ostler.errors import SourceNotAllowed, UnsafeFormat, UsageError
from ostler.nouns import Format

PICKLE = ("allow", "warn", "block")
_ALSO_PICKLE = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")


@dataclass(frozen=True, slots=True)
class Policy:
    """`pickle`: what to do with formats that run code; `allow`: globs of sources, none for all."""

    pickle: str = "warn"
    allow: tuple[str, ...] = ()

    def require(self, name: str, origin: str, paths: Iterable[str]) -> tuple[str, ...]:
        """Return warnings. Raises SourceNotAllowed and UnsafeFormat where a rule forbids it.

        `name` is owner/name, `origin` the hub's address, `paths` the files that would be kept.
        """
        self.require_source(name, origin)
        unsafe = pickles(paths)
        if not unsafe or self.pickle == "allow":
            return ()
        what = f"{unsafe[0]}{f' and {len(unsafe) - 1} more' if len(unsafe) > 1 else ''}"
        sentence = f"{what}: a pickle, which runs the code that is in it when it is loaded."
        if self.pickle == "block":
            raise UnsafeFormat(
                f"{sentence} The policy of this home blocks it.",
                hint="Take another format of the model, or set OSTLER_PICKLE=warn if you trust it.",
                files=unsafe,
            )
        return (f"unsafe_format: {sentence}",)

    def require_source(self, name: str, origin: str) -> None:
        """Raise SourceNotAllowed unless a glob matches `host/owner/name` or `owner/name`."""
        host = origin.rpartition("://")[2].partition("/")[0]
        seen = (f"{host}/{name}", name, host)
        if self.allow and not any(fnmatchcase(one, glob) for one in seen for glob in self.allow):
            raise SourceNotAllowed(
                f"{name} from {host or 'an unknown place'} is not on the list of allowed sources.",
                hint=f"The list is OSTLER_ALLOW: {', '.join(self.allow)}.",
                allowed=self.allow,
            )


def policy(pickle: str, allow: str) -> Policy:
    """Read the two settings. Raises UsageError."""
    if pickle not in PICKLE:
        raise UsageError(f"pickle must be one of {', '.join(PICKLE)}, not {pickle!r}.")
    return Policy(pickle, tuple(glob.strip() for glob in allow.split(",") if glob.strip()))


def pickles(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that a loader would unpickle, told by their names."""
    return tuple(
        path
        for path in paths
        if quants.format_of(path) is Format.PYTORCH or path.lower().endswith(_ALSO_PICKLE)
    )
