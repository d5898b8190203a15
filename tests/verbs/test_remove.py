"""Removing through references: commits, variants, and what others share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ostler.core import refs
from ostler.errors import QuantizationNotFound, UnknownModel
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import pull, remove

Hub = Any  # the fixture of tests/conftest.py


@pytest.fixture
def store(hub: Hub, tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home")
    with closing(HuggingFace(hub.address)) as source:
        for ref in ("acme/tiny", "acme/tiny@v1", "acme/tiny-GGUF#q4_k_m", "acme/tiny-GGUF#q8_0"):
            plan = pull.plan(refs.parse(ref), source, store)
            pull.carry_out(plan, source, store)
        yield store


def removed(ref: str, store: Store) -> int:
    return remove.carry_out(remove.plan(refs.parse(ref), store), store, purge=True)


def test_a_plan_removes_nothing(store: Store) -> None:
    before = store.used_bytes()
    (planned,) = remove.plan(refs.parse("acme/tiny-GGUF#q8_0"), store)
    assert planned.freed_bytes == 600_004
    assert store.used_bytes() == before


def test_one_variant(store: Store) -> None:
    assert removed("acme/tiny-GGUF#q8_0", store) == 600_004
    assert [variant.name for manifest, variant in store.models() if "GGUF" in manifest.name] == [
        "q4_k_m"
    ]


def test_without_a_revision_every_commit_goes_and_what_they_shared(store: Store) -> None:
    readme = next(file for file in store.manifests()[0].files if file.path == "README.md")
    planned = remove.plan(refs.parse("acme/tiny"), store)
    assert len(planned) == 2
    before = store.used_bytes()
    freed = remove.carry_out(planned, store, purge=True)
    assert freed == sum(one.freed_bytes for one in planned) == before - store.used_bytes()
    assert {manifest.name for manifest in store.manifests()} == {"acme/tiny-GGUF"}
    assert store.has(readme.sha256)  # the other repository has the same README
    assert removed("acme/tiny-GGUF", store) == 900_008 + readme.size
    assert store.used_bytes() == 0


def test_with_a_revision_only_its_commit(store: Store) -> None:
    removed("acme/tiny@v1", store)
    assert [one.revisions for one in store.manifests() if one.name == "acme/tiny"] == [("main",)]


def test_refusals(store: Store) -> None:
    with pytest.raises(UnknownModel):
        remove.plan(refs.parse("acme/nope"), store)
    with pytest.raises(QuantizationNotFound, match="available: q4_k_m, q8_0"):
        remove.plan(refs.parse("acme/tiny-GGUF#q6_k"), store)
    with pytest.raises(QuantizationNotFound):
        remove.plan(refs.parse("acme/tiny#q6_k"), store)
