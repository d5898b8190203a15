"""Price lists are read, kept in front of what comes along, and never half."""

from __future__ import annotations

import gc
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ostler.clouds import gpuhunt
from ostler.errors import CorruptFile, HubUnreachable, UsageError
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


def test_without_gpuhunt_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpuhunt", None)
    with pytest.raises(UsageError, match="gpuhunt is not installed"):
        gpuhunt.items()


def leaves_pages_open(test: Callable[..., None]) -> Callable[..., None]:
    """gpuhunt does not close the pages of providers that have no catalogue."""
    unraisable = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return unraisable(pytest.mark.filterwarnings("ignore::ResourceWarning")(test))


@pytest.fixture
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place from which the real gpuhunt loads its providers' catalogues."""
    import gpuhunt as library

    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GPUHUNT_CATALOG_URL", f"http://127.0.0.1:{server.server_port}")
        library.default_catalog.cache_clear()
        yield tmp_path
        library.default_catalog.cache_clear()
        server.shutdown()


def publish(place: Path, provider: str, *rows: str) -> None:
    """Put a provider's catalogue where gpuhunt looks for it."""
    folder = place / provider / "20261101-1"
    folder.mkdir(parents=True)
    (place / provider / "version").write_text(folder.name)
    columns = (
        "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,"
        "gpu_vendor,flags,cpu_arch,provider_data"
    )
    with zipfile.ZipFile(folder / "catalog.zip", "w") as archive:
        archive.writestr(f"{provider}.csv", "\n".join([columns, *rows, ""]))


@leaves_pages_open
def test_what_gpuhunt_itself_offers(catalogues: Path) -> None:
    publish(
        catalogues,
        "runpod",
        "NVIDIA L4,US,0.43,12,50.0,1,L4,24.0,False,,nvidia,,x86,{}",
        "NVIDIA H100,EU,2.99,26,250.0,1,H100,80.0,True,,nvidia,,x86,{}",
        "XPU 9,EU,1.00,26,250.0,1,XPU9,80.0,False,,nvidia,,x86,{}",
    )
    planned = pricing.plan_from_gpuhunt(gpuhunt.items(("runpod",)), TODAY)
    assert [(one.provider, one.gpu.name, one.price, one.spot) for one in planned.offers] == [
        ("runpod", "L4", 0.43, False),
        ("runpod", "H100-80GB-PCIe", 2.99, True),
    ]
    assert planned.left_out == ("XPU9 with 80 GB: not in the table of GPUs",)
    gc.collect()


@leaves_pages_open
@pytest.mark.usefixtures("catalogues")
def test_gpuhunt_without_an_answer_is_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(HubUnreachable, match="gpuhunt got no prices"):
        gpuhunt.items(("runpod",))
    gc.collect()
    assert caplog.records == []
