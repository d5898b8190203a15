"""Which replica gets a request: the one that read the same beginning before, unless it is full.

An engine that has read a prompt's head keeps it (prefix cache), and reads it again for nothing.
So requests with one head go to one replica: rendezvous hashing (Thaler and Ravishankar, 1998), in
which a replica that comes or goes moves only the keys that are or were its own. A head that
everybody sends would overload its replica; so none gets more than `BOUND` times the mean
(Mirrokni, Thorup, Zadimoghaddam, 2016, arXiv:1608.01350), and the next one in the key's own order
takes what is beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from zlib import crc32

BOUND = 1.25  # times the mean of requests in flight that one replica may have
LEAST_LOADED, PREFIX = "least-loaded", "prefix"
WORD = (1 << 64) - 1


def by_prefix(head: bytes, names: Sequence[str], loads: Sequence[int]) -> int:
    """Return the index of the replica for a prompt's head; `loads` are requests in flight.

    The same head, names and loads give the same replica in every process. There is always one
    below the bound, since not all can be above the mean.
    """
    most = ceil(BOUND * (sum(loads) + 1) / len(names))
    key = crc32(head)
    below = [n for n, load in enumerate(loads) if load < most]
    return max(below, key=lambda n: (_score(key, names[n]), names[n]))


def _score(key: int, name: str) -> int:
    """Mix both: the finalizer of splitmix64 (Steele, Lea, Flood, 2014)."""
    x = (key ^ _seed(name)) & WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)


@lru_cache(maxsize=4096)
def _seed(name: str) -> int:
    said = name.encode()
    return (crc32(said) << 32 | crc32(said[::-1])) * 0x9E3779B97F4A7C15 & WORD
