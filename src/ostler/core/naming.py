"""Which names callers use for the models that are kept here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostler.nouns import Format, Manifest, Variant


@dataclass(frozen=True, slots=True)
class Named:
    """A kept model under the name it is served by, and the other names that lead to it."""

    id: str
    aliases: tuple[str, ...]
    manifest: Manifest
    variant: Variant


def served_names(kept: Sequence[tuple[Manifest, Variant]]) -> tuple[Named, ...]:
    """Name every kept model.

    A GGUF model is `org/name#quantization`, any other `org/name`; an older commit of the same
    repository carries `@` and the first 12 digits of its commit. The bare `org/name`, and
    names a repository had before, are aliases where they can mean only one model.
    """
    newest: dict[str, str] = {}
    for manifest, _ in sorted(kept, key=lambda pair: pair[0].pulled_at):
        newest[manifest.name] = manifest.commit
    full = [
        (_full_name(manifest, variant, newest[manifest.name]), manifest, variant)
        for manifest, variant in kept
    ]
    claims: dict[str, set[str]] = {}
    for name, manifest, _ in full:
        for alias in _claims(name, manifest, newest[manifest.name]):
            claims.setdefault(alias, set()).add(name)
    ids = {name for name, _, _ in full}
    aliases: dict[str, list[str]] = {}
    for alias, names in claims.items():
        if len(names) == 1 and alias not in ids:
            aliases.setdefault(next(iter(names)), []).append(alias)
    return tuple(
        Named(name, tuple(sorted(aliases.get(name, ()))), manifest, variant)
        for name, manifest, variant in sorted(full, key=lambda entry: entry[0])
    )


def _full_name(manifest: Manifest, variant: Variant, newest: str) -> str:
    at = "" if manifest.commit == newest else f"@{manifest.commit[:12]}"
    of = f"#{variant.name}" if variant.format is Format.GGUF else ""
    return f"{manifest.name}{at}{of}"


def _claims(name: str, manifest: Manifest, newest: str) -> list[str]:
    """Other names that a caller may mean this model by, if nobody else claims them too."""
    claimed = [f"{manifest.source}:{name}"]
    if manifest.commit == newest:
        for bare in (manifest.name, *manifest.aliases):
            claimed += [bare, f"{manifest.source}:{bare}"]
    return [alias for alias in claimed if alias != name]


def find(names: Sequence[Named], asked: str) -> Named | None:
    """Return the model that a name means, or None."""
    for named in names:
        if asked == named.id or asked in named.aliases:
            return named
    return None
