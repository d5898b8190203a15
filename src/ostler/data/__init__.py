"""The tables that come along, each with its sources: GPUs, prices, licences, models.

The files are read when asked for, and once in a process.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from ostler.core import gpus as gpus_of
from ostler.core import prices as prices_of
from ostler.core.gpus import Gpu
from ostler.core.prices import Offer


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that are known by name."""
    return gpus_of.parse(table("gpus.csv"))


@cache
def prices() -> tuple[Offer, ...]:
    """Return the prices that come along, of all dates."""
    return prices_of.parse(table("prices.csv"), gpus())


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that comes along."""
    return list(csv.DictReader(text(name).splitlines()))


def text(name: str) -> str:
    """Return a file that comes along."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
