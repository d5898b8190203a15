"""What is damaged is found and named; what is whole is called clean."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostler.core import refs
from ostler.nouns import Damage, Manifest
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import pull
from ostler.verbs.progress import Progress
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
Kept = tuple[Store, Manifest]
SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def kept(hub: Hub, tmp_path: Path) -> Kept:
    store = Store(tmp_path / "home")
    with closing(HuggingFace(hub.address)) as source:
        plan = pull.plan(refs.parse("acme/tiny"), source, store)
        return store, pull.carry_out(plan, source, store)


def blob_of(kept: Kept, path: str) -> Path:
    store, manifest = kept
    blob = (store.folder(manifest) / path).resolve()
    blob.chmod(0o644)
    return blob


def test_a_whole_model_is_clean_and_every_byte_was_read(kept: Kept) -> None:
    events: list[Progress] = []
    assert verify(*kept, events.append) == ()
    assert events[-1].total_done == events[-1].total_size == kept[1].size


@pytest.mark.parametrize("at", [0, 100, -1])
def test_one_flipped_bit(kept: Kept, at: int) -> None:
    blob = blob_of(kept, SHARD)
    content = bytearray(blob.read_bytes())
    content[at] ^= 1
    blob.write_bytes(content)
    (damage,) = verify(*kept)
    assert (damage.path, damage.kind) == (SHARD, "hash")
    assert damage.expected == blob.name
    assert damage.got != blob.name


def test_truncated_and_missing(kept: Kept) -> None:
    shard, config = blob_of(kept, SHARD), blob_of(kept, "config.json")
    size = shard.stat().st_size
    shard.write_bytes(shard.read_bytes()[:-1])
    config.unlink()
    assert {(one.path, one.kind) for one in verify(*kept)} == {
        (SHARD, "size"),
        ("config.json", "missing"),
    }
    sized = next(one for one in verify(*kept) if one.kind == "size")
    assert (sized.expected, sized.got) == (f"{size} bytes", f"{size - 1} bytes")


def without(kept: Kept, *paths: str) -> tuple[Damage, ...]:
    store, manifest = kept
    files = tuple(file for file in manifest.files if file.path not in paths)
    return verify(store, replace(manifest, files=files))


def test_what_loading_needs_and_nobody_pulled(kept: Kept) -> None:
    for path in ("config.json", "tokenizer.json"):
        assert [(one.path, one.kind) for one in without(kept, path)] == [(path, "incomplete")]


def test_weights_without_any_sign_of_transformers_are_not_asked_for_its_files(kept: Kept) -> None:
    lone = {"config.json", "tokenizer.json", "model.safetensors.index.json"}
    assert without(kept, *lone) == ()


def test_a_model_of_pictures_needs_no_tokenizer(hub: Hub, tmp_path: Path) -> None:
    hub.path("acme/tiny/config.json").write_text('{"architectures": ["ViTForImageClassification"]}')
    hub.path("acme/tiny/tokenizer.json").unlink()
    store = Store(tmp_path / "home")
    with closing(HuggingFace(hub.address)) as source:
        plan = pull.plan(refs.parse("acme/tiny"), source, store)
        assert verify(store, pull.carry_out(plan, source, store)) == ()


def test_a_shard_that_the_names_promise(kept: Kept) -> None:
    (damage,) = without(kept, "model-00002-of-00002.safetensors")
    assert (damage.path, damage.kind) == ("model-00002-of-00002.safetensors", "missing")


def test_a_shard_that_only_the_index_names(hub: Hub, tmp_path: Path) -> None:
    root = hub.path("acme/tiny")
    (root / "model-00002-of-00002.safetensors").unlink()
    (root / SHARD).rename(root / "model.safetensors")
    index = root / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(SHARD, "model.safetensors"))
    store = Store(tmp_path / "home")
    with closing(HuggingFace(hub.address)) as source:
        plan = pull.plan(refs.parse("acme/tiny"), source, store)
        (damage,) = verify(store, pull.carry_out(plan, source, store))
    assert damage.path == "model-00002-of-00002.safetensors"


def test_weights_that_need_nothing_else_are_whole_alone(hub: Hub, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with closing(HuggingFace(hub.address)) as source:
        options = pull.Options(include=("*Q4_K_M*",))
        plan = pull.plan(refs.parse("acme/tiny-GGUF"), source, store, options)
        assert verify(store, pull.carry_out(plan, source, store)) == ()
