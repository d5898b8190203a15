"""Prices: those that come along, with the user's own lists in front of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ostler import data
from ostler.core import pricelists, prices
from ostler.core.prices import Offer
from ostler.core.reasons import why
from ostler.errors import CorruptFile, UsageError
from ostler.store import durable

LARGEST = 64 * 2**20  # bytes; the longest list seen, of all regions of three clouds, has 9 MB


@dataclass(frozen=True, slots=True)
class Update:
    """What an update would keep: its offers, and what of the list was left out."""

    offers: tuple[Offer, ...]
    left_out: tuple[str, ...]
    source: str

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(sorted({offer.provider for offer in self.offers}))


def kept_in(home: Path) -> Path:
    """Return where the user's own prices are, or would be."""
    return home / "prices.csv"


def offers(home: Path) -> tuple[Offer, ...]:
    """Return every price that counts now. Raises CorruptFile where the user's are damaged."""
    return prices.current(prices.merged(data.prices(), own(home)))


def own(home: Path) -> tuple[Offer, ...]:
    """Return the prices of the user's own lists. Raises CorruptFile."""
    path = kept_in(home)
    if not path.exists():
        return ()
    try:
        return prices.parse(csv.DictReader(io.StringIO(_text(path))), data.gpus())
    except UsageError as error:
        raise CorruptFile(
            f"{path} is damaged: {error.what}",
            hint=f"Remove {path} and update again: ostler prices update FILE",
        ) from error


def plan_from_file(path: Path, today: date) -> Update:
    """Read a list of prices: CSV with our columns, or Lambda's `instance-types` as JSON.

    Raises UsageError where it is neither.
    """
    text = _text(path)
    if text.lstrip().startswith(("{", "[")):
        found, left_out = _json(path, text, today)
    else:
        rows = csv.DictReader(io.StringIO(text))
        found, left_out = prices.parse(rows, data.gpus()), ()
    return _checked(Update(found, left_out, str(path)))


def plan_from_gpuhunt(items: Iterable[Any], today: date) -> Update:
    """Take the offers of gpuhunt's catalogue items. Raises UsageError where there are none."""
    found, left_out = pricelists.from_gpuhunt(items, data.gpus(), today)
    return _checked(Update(found, left_out, "gpuhunt"))


def update(home: Path, planned: Update) -> Path:
    """Keep the planned prices in front of those of the same providers; return where."""
    kept = prices.merged(own(home), planned.offers)
    text = io.StringIO()
    writer = csv.DictWriter(text, prices.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pricelists.as_rows(kept))
    path = kept_in(home)
    durable.write(path, text.getvalue().encode())
    return path


def _checked(planned: Update) -> Update:
    if not planned.offers:
        raise UsageError(f"{planned.source} holds no price of a GPU that is known here.")
    return planned


def _json(path: Path, text: str, today: date) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {why(error)}.") from None
    if not isinstance(answer, dict):
        raise UsageError(f"{path} holds no list of prices that is known here.")
    return pricelists.from_lambda(answer, data.gpus(), today, path.name)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than any list of prices.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {why(error)}.") from error
