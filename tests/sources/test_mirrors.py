"""Mirrors: asked in order, the last good one first, and never to hide an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.patience import Patience
from ostler.errors import ChecksumMismatch, HubUnreachable, ModelNotFound
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.sources.huggingface import HuggingFace
from ostler.sources.mirrors import Mirrors
from ostler.store import Store
from ostler.testing.faults import Answer, CutAfter, Faults, FlipByte
from ostler.testing.server import running
from ostler.verbs import pull
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
QUICK = Patience(attempts=2, first=0.01)
REPO, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture
def second(hub: Hub) -> Iterator[tuple[str, Faults]]:
    faults = Faults(hub_app(FolderRepos(hub.root)))
    with running(faults) as address:
        yield address, faults


def mirrors(*addresses: str, token: str | None = None) -> closing[Mirrors]:
    hubs = [HuggingFace(one, token if not at else None, QUICK) for at, one in enumerate(addresses)]
    return closing(Mirrors(hubs))


def pulled(source: Mirrors, store: Store) -> None:
    plan = pull.plan(refs.parse(REPO), source, store)
    assert verify(store, pull.carry_out(plan, source, store, patience=QUICK)) == ()


def test_the_next_one_is_asked_where_the_first_is_away(hub: Hub, tmp_path: Path) -> None:
    with mirrors(NOWHERE, hub.address) as source:
        pulled(source, Store(tmp_path))
        assert source.search("tiny", 5).hub_error is None
        asked = len(hub.faults.requests)
        source.listing(refs.parse(REPO))  # the good one is asked at once
        assert len(hub.faults.requests) == asked + 1


def test_a_file_that_breaks_off_goes_on_at_the_next(
    hub: Hub, second: tuple[str, Faults], tmp_path: Path
) -> None:
    address, faults = second
    hub.faults.add(f"*/{FILE}", CutAfter(1000), times=1)
    hub.faults.add(f"*/{FILE}", Answer(502))
    with mirrors(hub.address, address, token=hub.token) as source:
        pulled(source, Store(tmp_path))
    (request,) = faults.asked(f"*/{FILE}", "GET")
    assert request.headers["range"] == "bytes=1000-"
    assert "authorization" not in request.headers


def test_an_answer_is_an_answer(hub: Hub, second: tuple[str, Faults]) -> None:
    with mirrors(hub.address, second[0]) as source, pytest.raises(ModelNotFound):
        source.listing(refs.parse("acme/none"))
    assert second[1].requests == []


def test_wrong_bytes_are_not_hidden(hub: Hub, second: tuple[str, Faults], tmp_path: Path) -> None:
    hub.faults.add(f"*/{FILE}", FlipByte(99))
    with mirrors(hub.address, second[0]) as source, pytest.raises(ChecksumMismatch):
        pulled(source, Store(tmp_path))
    assert second[1].asked(f"*/{FILE}") == []


def test_all_away_is_said(hub: Hub) -> None:
    hub.faults.add("/api/*", Answer(503, {"Retry-After": "0"}))
    with mirrors(hub.address, NOWHERE) as source:
        with pytest.raises(HubUnreachable):
            source.listing(refs.parse(REPO))
        assert source.search("tiny", 5).hub_error
