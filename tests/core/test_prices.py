"""Prices are read with their day, doubted where the list doubts them, and newest first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core import pricelists, prices
from ostler.core.gpus import find
from ostler.core.prices import Offer
from ostler.errors import UsageError

GPUS = data.gpus()
TODAY = date(2026, 11, 20)
ROW = {
    "provider": "lambda",
    "instance_type": "gpu_1x_a10",
    "gpu": "A10",
    "count": "1",
    "price_usd_per_hour": "0.75",
}
LAMBDA = {
    "data": {
        "gpu_1x_a10": {
            "instance_type": {
                "name": "gpu_1x_a10",
                "gpu_description": "A10 (24 GB PCIe)",
                "price_cents_per_hour": 75,
                "specs": {"vcpus": 30, "memory_gib": 200, "gpus": 1},
            },
            "regions_with_capacity_available": [{"name": "us-west-1"}, {"name": "us-east-1"}],
        },
        "gpu_4x_a6000": {
            "instance_type": {"price_cents_per_hour": 320, "specs": {"gpus": 4}},
            "regions_with_capacity_available": [],
        },
        "gpu_1x_x9000": {"instance_type": {"price_cents_per_hour": 999, "specs": {"gpus": 1}}},
        "cpu_4x_general": {"instance_type": {"price_cents_per_hour": 20}},
    }
}


def test_every_shipped_price_is_read() -> None:
    shipped = data.prices()
    assert len(shipped) == 520  # 521 rows, one of a machine without a GPU
    assert sum("SUSPECT" in offer.note for offer in shipped) == 16
    assert all(offer.source for offer in shipped)


def test_lambdas_answer() -> None:
    offers, left_out = pricelists.from_lambda(LAMBDA, GPUS, TODAY, "a file")
    assert [(o.instance, o.gpu.name, o.count, o.price, o.region, o.available) for o in offers] == [
        ("gpu_1x_a10", "A10", 1, 0.75, "us-west-1", True),
        ("gpu_1x_a10", "A10", 1, 0.75, "us-east-1", True),
        ("gpu_4x_a6000", "RTX-A6000", 4, 3.2, "", False),
    ]
    assert len(left_out) == 1
    assert "gpu_1x_x9000" in left_out[0]


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"data": {"gpu_1x_a10": {}}}, {"a": "b"}])
def test_another_shape_is_said_to_be_none_of_lambdas(answer: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="instance-types"):
        pricelists.from_lambda(answer, GPUS, TODAY, "a file")


def test_gpuhunts_items() -> None:
    def item(**values: object) -> SimpleNamespace:
        return SimpleNamespace(
            **{"provider": "aws", "instance_name": "x", "location": "r", "spot": True} | values
        )

    offers, left_out = pricelists.from_gpuhunt(
        [
            item(gpu_name="A100", gpu_memory=80.0, gpu_count=8, price=12.0),
            item(gpu_name="L4", gpu_memory=24.0, gpu_count=1, price=0.5),
            item(gpu_name="Z1", gpu_memory=8.0, gpu_count=1, price=0.5),
            item(gpu_name=None, gpu_memory=None, gpu_count=0, price=0.1),
        ],
        GPUS,
        TODAY,
    )
    assert [(o.gpu.memory_gb, o.count, o.spot) for o in offers] == [(80, 8, True), (24, 1, True)]
    assert [o.note for o in offers] == ["form factor not stated", ""]
    assert left_out == ("Z1 with 8 GB: not in the table of GPUs",)


@given(st.sampled_from(data.prices()), st.sampled_from([None, True, False]))
def test_what_is_written_is_read_again(offer: Offer, available: bool | None) -> None:
    offer = replace(offer, available=available)
    assert prices.parse(pricelists.as_rows([offer]), GPUS) == (offer,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_usd_per_hour": "-1"},
        {"price_usd_per_hour": "nan"},
        {"price_usd_per_hour": "cheap"},
        {"count": "0"},
        {"gpu": "A11x"},
        {"as_of": "yesterday"},
    ],
)
def test_a_row_that_cannot_be_read_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="Row 3"):
        prices.parse([ROW, ROW | wrong], GPUS)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UsageError, match="no column count"):
        prices.parse([{k: v for k, v in ROW.items() if k != "count"}], GPUS)


@pytest.mark.parametrize(("days", "stale"), [(0, False), (60, False), (61, True)])
def test_sixty_days(days: int, stale: bool) -> None:
    offer = Offer("p", "i", GPUS[0], 1, 1.0, as_of=TODAY - timedelta(days=days))
    assert offer.stale(TODAY) is stale
    assert ("stale" in offer.age(TODAY)) is stale


def test_an_undated_price_is_stale_and_yields_to_a_dated_one() -> None:
    undated = Offer("p", "i", GPUS[0], 1, 1.0)
    old = replace(undated, instance="j", as_of=date(2023, 1, 1))
    new = replace(undated, instance="k", as_of=date(2026, 1, 1))
    spot = replace(undated, spot=True)
    assert undated.stale(TODAY)
    assert undated.age(TODAY) == "undated, stale"
    assert prices.current([undated, old, new, spot]) == (new, spot)


def test_a_list_of_the_users_replaces_all_of_that_providers() -> None:
    shipped = prices.parse([ROW, ROW | {"provider": "aws"}], GPUS)
    own = prices.parse([ROW | {"gpu": "T4"}], GPUS)
    found = prices.merged(shipped, own)
    assert {(o.provider, o.gpu.name) for o in found} == {("lambda", "T4"), ("aws", "A10")}


def test_doubts() -> None:
    offer = Offer("p", "i", find("A10", GPUS), 2, 1.0, note="SUSPECT on-demand")
    assert offer.doubt
    assert not replace(offer, note="form factor not stated").doubt
    assert offer.memory == 48 * 10**9
