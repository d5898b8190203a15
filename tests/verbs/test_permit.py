"""A source behind rules: what they forbid, the hub is never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.policy import policy
from ostler.errors import SourceNotAllowed, UnsafeFormat
from ostler.nouns import Listing, RemoteFile
from ostler.ports import Source
from ostler.sources.huggingface import HuggingFace
from ostler.verbs.permit import Permitted

Hub = Any  # the fixture of tests/conftest.py


@pytest.fixture
def source(hub: Hub) -> Iterator[Source]:
    with closing(HuggingFace(hub.address)) as source:
        yield Permitted(source, policy("block", "acme/*"), hub.address)


def test_what_is_allowed_passes(hub: Hub, source: Source) -> None:
    listing = source.listing(refs.parse("acme/tiny"))
    file = next(one for one in listing.files if one.path == "config.json")
    with source.open(listing, file) as body:
        assert b"".join(body.chunks()) == hub.path("acme/tiny/config.json").read_bytes()
    assert source.search("tiny", 5).results


def test_what_is_forbidden_is_not_asked_for(hub: Hub, source: Source) -> None:
    before = len(hub.faults.requests)
    with pytest.raises(SourceNotAllowed):
        source.listing(refs.parse("other/private"))
    listing = Listing("hf", "acme/tiny", "a" * 40, ())
    with pytest.raises(UnsafeFormat):
        source.open(listing, RemoteFile("pytorch_model.bin", 5, sha256="0" * 64))
    assert len(hub.faults.requests) == before
