"""Price lists are read, kept in front of what comes along, and never half."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ostler.errors import CorruptFile, UsageError
from ostler.verbs import pricing

TODAY = date(2026, 11, 20)
TYPES = {
    "data": {"gpu_1x_a10": {"instance_type": {"price_cents_per_hour": 60, "specs": {"gpus": 1}}}}
}
TABLE = (
    "provider,instance_type,gpu,count,price_usd_per_hour,as_of\nmine,box,A10,1,0.10,2026-11-01\n"
)


def test_a_list_goes_in_front_of_that_providers_prices(tmp_path: Path) -> None:
    before = pricing.offers(tmp_path)
    assert any(offer.provider == "lambda" and offer.gpu.name == "B200" for offer in before)
    file = tmp_path / "types.json"
    file.write_text(json.dumps(TYPES))
    pricing.update(tmp_path, pricing.plan_from_file(file, TODAY))
    after = pricing.offers(tmp_path)
    assert [(o.price, o.as_of) for o in after if o.provider == "lambda"] == [(0.60, TODAY)]
    assert {o.provider for o in after} == {o.provider for o in before}
    file.write_text(TABLE)
    pricing.update(tmp_path, pricing.plan_from_file(file, TODAY))
    assert {offer.provider for offer in pricing.own(tmp_path)} == {"lambda", "mine"}
    assert next(o for o in pricing.offers(tmp_path) if o.provider == "mine").price == 0.10


def test_planning_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "prices.txt"
    file.write_text(TABLE)
    planned = pricing.plan_from_file(file, TODAY)
    assert planned.providers == ("mine",)
    assert not pricing.kept_in(tmp_path).exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[1]", "holds no list of prices"),
        ("", "holds no price"),
        ("provider,instance_type,gpu,count\nx,y,A10,1\n", "no column price_usd_per_hour"),
        (TABLE.replace("0.10", "free"), "Row 2"),
        (json.dumps(TYPES).replace("gpu_1x_a10", "gpu_1x_zz"), "holds no price"),
    ],
)
def test_what_is_no_list_of_prices(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "x"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        pricing.plan_from_file(file, TODAY)
    assert words in refused.value.what


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        pricing.plan_from_file(tmp_path / "none", TODAY)


def test_a_damaged_list_of_ones_own_is_said(tmp_path: Path) -> None:
    pricing.kept_in(tmp_path).write_text(TABLE.replace("A10", "Z9"))
    with pytest.raises(CorruptFile, match=r"prices\.csv is damaged"):
        pricing.offers(tmp_path)


def test_without_gpuhunt_a_sentence() -> None:
    from ostler.clouds import gpuhunt

    with pytest.raises(UsageError, match="gpuhunt is not installed"):
        gpuhunt.items()


def test_with_a_library_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ostler.clouds import gpuhunt

    (tmp_path / "gpuhunt.py").write_text(
        "from types import SimpleNamespace as Item\n"
        "def query(provider, min_gpu_count):\n"
        "    return [Item(provider=provider[0], instance_name='i', location='r', price=0.5,\n"
        "                 gpu_count=1, gpu_name='L4', gpu_memory=24.0, spot=False)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    planned = pricing.plan_from_gpuhunt(gpuhunt.items(("runpod",)), TODAY)
    assert [(o.provider, o.gpu.name, o.price) for o in planned.offers] == [("runpod", "L4", 0.5)]
