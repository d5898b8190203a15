"""An edit taken back in a text that was edited on since, line by line and with its comments."""

from __future__ import annotations

from difflib import SequenceMatcher


def patched(before: str, after: str, now: str) -> str | None:
    """Return `now` with the lines that made `before` into `after` as they were before.

    None where the lines around them are not there any more. What comes out is a guess by lines:
    the caller reads it and sees whether it says what it shall.
    """
    if now == after:
        return before
    old, cut, lines = (text.splitlines(keepends=True) for text in (before, after, now))
    places = _places(cut, lines)
    changes = []
    for kind, start, end, first, last in SequenceMatcher(None, cut, old, False).get_opcodes():
        if kind == "equal":
            continue
        found = [places.get(line) for line in range(start, end)]
        place = found[0] if found else _between(start, places)
        if place is None or found != list(range(place, place + len(found))):
            return None
        changes.append((place, place + len(found), old[first:last]))
    for start, end, words in reversed(changes):
        lines[start:end] = words
    return "".join(lines)


def _places(cut: list[str], lines: list[str]) -> dict[int, int]:
    """Return where each line that is still there stands now."""
    blocks = SequenceMatcher(None, cut, lines, False).get_matching_blocks()
    return {one.a + n: one.b + n for one in blocks for n in range(one.size)}


def _between(line: int, places: dict[int, int]) -> int | None:
    """Return where lines go that stood between this line and the one before it."""
    above = places.get(line - 1)
    return places.get(line) if above is None else above + 1
