"""Several backends behind one name: which of them a request goes to, by its length and its caller.

A backend for long contexts serves few at once, one for throughput serves many short ones. The
rule, in this order: it takes as many tokens as the request needs; it is meant for the caller's
role; it takes the fewest tokens of those that do (a short request leaves the long one alone); it
is up; and of equals the prompt's head decides, so that a conversation stays where it began until
it has outgrown that place.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from ostler.core.affinity import by_prefix

BYTES_PER_TOKEN = 4  # of a JSON body, about as in English; other scripts have fewer, images more
ANSWER = 512  # tokens that an answer is counted with where the request does not limit it


class Member(NamedTuple):
    """One backend of a name, as the operator listed it."""

    model: str
    tokens: int | None = None  # the longest request that it is for, its answer included; None: any
    roles: tuple[str, ...] = ()  # of the callers that it is meant for; empty: all alike
    state: str = "ready"  # or "loading", "stopped", "failed"


STATES = ("ready", "loading", "stopped", "failed")  # best first


def tokens_of(size: int, answer: int | None) -> int:
    """Return the tokens to count a request with: a quarter of its body's bytes, and its answer."""
    return -(-size // BYTES_PER_TOKEN) + (ANSWER if answer is None else answer)


def order(members: Sequence[Member], tokens: int, role: str, head: bytes) -> tuple[str, ...]:
    """Return the backends to be tried, the best first; never an empty tuple for any members.

    Those that are too short for the request are left out. Are all too short, the longest is tried:
    the count is a guess, and the engine knows.
    """
    able = [one for one in members if one.tokens is None or one.tokens >= tokens]
    if not able:
        longest = max((one.tokens or 0 for one in members), default=0)
        able = [one for one in members if one.tokens == longest]
    found: list[str] = []
    for rank in sorted({_rank(one, role) for one in able}):
        equals = [one.model for one in able if _rank(one, role) == rank]
        while equals:
            found.append(equals.pop(by_prefix(head, equals, [0] * len(equals))))
    return tuple(dict.fromkeys(found))


def _rank(one: Member, role: str) -> tuple[int, int, float, int]:
    for_role = 0 if role in one.roles else 2 if one.roles else 1
    down = one.state == "failed"
    place = STATES.index(one.state) if one.state in STATES else len(STATES)
    return (down, for_role, inf if one.tokens is None else one.tokens, place)
