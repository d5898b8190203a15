"""Search: local first, then the hub, and without the hub as far as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ostler.core import refs
from ostler.errors import BadRef
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.testing.faults import Answer
from ostler.verbs import pull
from ostler.verbs.search import search

Hub = Any  # the fixture of tests/conftest.py


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def source(hub: Hub, store: Store) -> Iterator[HuggingFace]:
    with closing(HuggingFace(hub.address)) as source:
        plan = pull.plan(refs.parse("acme/tiny-GGUF"), source, store)
        pull.carry_out(plan, source, store)
        hub.faults.clear()
        yield source


def test_what_is_kept_comes_first_and_once(source: HuggingFace, store: Store) -> None:
    found = search("tiny", source, store)
    assert [(one.name, one.local) for one in found.results] == [
        ("acme/tiny-GGUF", True),
        ("acme/tiny", False),
    ]
    kept = found.results[0]
    assert kept.formats == ("gguf",)
    assert kept.size == store.manifests()[0].size
    assert kept.downloads == 0  # known to the hub only
    assert not found.local_results_only


def test_the_limit_counts_all(source: HuggingFace, store: Store) -> None:
    assert [one.name for one in search("tiny", source, store, limit=1).results] == [
        "acme/tiny-GGUF"
    ]


def test_exact_is_one_name_and_nothing_like_it(source: HuggingFace, store: Store) -> None:
    found = search("acme/tiny", source, store, exact=True)
    assert [one.name for one in found.results] == ["acme/tiny"]


@pytest.mark.parametrize("words", ["a/b/c", "../x", "acme/"])
def test_words_that_are_no_id_reach_no_hub(
    hub: Hub, source: HuggingFace, store: Store, words: str
) -> None:
    with pytest.raises(BadRef):
        search(words, source, store)
    assert hub.faults.requests == []


def test_an_outage_leaves_what_is_here_and_says_so(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add("*", Answer(429, {"Retry-After": "7"}))
    found = search("TINY gguf", source, store)
    assert [one.name for one in found.results] == ["acme/tiny-GGUF"]
    assert found.local_results_only
    assert "429" in str(found.hub_error)
    assert found.retry_after == 7
