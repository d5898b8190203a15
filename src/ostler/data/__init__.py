"""The tables that come along, each with its sources: GPUs, prices, licences, models, engines.

The files are read when asked for, and once in a process.
"""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what reads one table is not made to wait for what reads the others
    from ostler.core.architectures import Listed
    from ostler.core.catalogue import Entry
    from ostler.core.gpus import Gpu
    from ostler.core.licences import Licence
    from ostler.core.prices import Offer


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that are known by name."""
    from ostler.core.gpus import parse

    return parse(table("gpus.csv"))


@cache
def prices() -> tuple[Offer, ...]:
    """Return the prices that come along, of all dates."""
    from ostler.core.prices import parse

    return parse(table("prices.csv"), gpus())


@cache
def licences() -> tuple[Licence, ...]:
    """Return the licences that are known by the names that cards give them."""
    from ostler.core.licences import parse

    return parse(table("licences.csv"))


@cache
def base_licences() -> dict[str, str]:
    """Return the licences of models that others were made from, by repository."""
    return {row["repo"]: row["licence"] for row in table("base_licences.csv")}


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return the models that are known by a short name."""
    from ostler.core.catalogue import parse

    return parse(table("catalogue.csv"), table("variants.csv"))


@cache
def architectures() -> dict[str, Listed]:
    """Return the architectures that engines load, by engine."""
    from ostler.core.architectures import parse

    return parse(json.loads(text("architectures.json")))


@cache
def parameters() -> dict[str, int]:
    """Return how many parameters the models of `configs/` have, by repository."""
    rows = table("configs/INDEX.csv")
    return {row["model"]: int(row["params"]) for row in rows if row["params"]}


@cache
def config(repo: str) -> dict[str, Any] | None:
    """Return the config.json of a repository that comes along; None for any other."""
    place = files(__name__).joinpath("configs", f"{repo.replace('/', '--')}.json")
    if "/" not in repo or not place.is_file():
        return None
    found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return found


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that comes along."""
    return list(csv.DictReader(text(name).splitlines()))


def text(name: str) -> str:
    """Return a file that comes along."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
