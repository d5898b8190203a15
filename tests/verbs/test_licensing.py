"""Licences against a real hub: read from cards, bases followed, blocked, accepted on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.licences import policy
from ostler.errors import CorruptFile, LicenceBlocked, UsageError
from ostler.nouns import Listing, Manifest
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import accepting, licensing, pull

Hub = Any  # the fixture of tests/conftest.py
COMMERCIAL = policy("commercial", {}, "test")
CARDS = {
    "acme/research": "license: other\nlicense_name: mrl\n",
    "acme/derived": "license: mit\nbase_model: acme/research\n",
    "acme/twice": "license: apache-2.0\nbase_model: acme/derived\n",
    "acme/circle": "license: mit\nbase_model: acme/circle\n",
    "acme/lost": "license: mit\nbase_model: acme/nowhere\n",
}
LICENSE = b"You may read this model, and no more.\n"


@pytest.fixture
def hub_root(hub_root: Path) -> Path:
    for name, card in CARDS.items():
        folder = hub_root / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(f"---\n{card}---\n# A model\n")
        (folder / "LICENSE.txt").write_bytes(LICENSE)
        (folder / "model.safetensors").write_bytes(
            (hub_root / "acme/gated/model.safetensors").read_bytes()
        )
    return hub_root


@pytest.fixture
def source(hub: Hub) -> Iterator[HuggingFace]:
    with closing(HuggingFace(hub.address)) as one:
        yield one


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def listing(source: HuggingFace, name: str) -> Listing:
    return source.listing(refs.parse(name))


def pulled(source: HuggingFace, store: Store, name: str) -> Manifest:
    return pull.carry_out(pull.plan(refs.parse(name), source, store), source, store)


def test_the_name_of_a_licence_that_the_hub_calls_other(source: HuggingFace) -> None:
    assert listing(source, "acme/research").licence == "mrl"


def test_bases_are_followed_to_the_end(source: HuggingFace, store: Store) -> None:
    known = licensing.registrar(store, COMMERCIAL, source)
    terms = known.terms(listing(source, "acme/twice"))
    assert [(name, one.tag) for name, one in terms.bases] == [
        ("acme/derived", "mit"),
        ("acme/research", "mrl"),
    ]
    assert terms.strictest[0] == "acme/research"
    with pytest.raises(LicenceBlocked) as refused:
        licensing.enforce(known.ruling(listing(source, "acme/twice")))
    assert refused.value.exit_code == 4
    assert refused.value.facts["decided_by"] == "acme/research"


def test_a_circle_and_a_base_that_is_nowhere(source: HuggingFace, store: Store) -> None:
    known = licensing.registrar(store, COMMERCIAL, source)
    assert known.terms(listing(source, "acme/circle")).bases == ()
    lost = known.terms(listing(source, "acme/lost"))
    assert [(name, one.commercial) for name, one in lost.bases] == [("acme/nowhere", "unknown")]


def test_without_a_hub_what_is_kept_and_the_catalogue_are_asked(
    source: HuggingFace, store: Store
) -> None:
    pulled(source, store, "acme/research")
    derived = listing(source, "acme/derived")
    terms = licensing.registrar(store, COMMERCIAL).terms(derived)
    assert [one.tag for _, one in terms.bases] == ["mrl"]
    tuned = Listing("hf", "a/b", "0" * 40, (), licence="mit",
                    tags=("base_model:meta-llama/Meta-Llama-3.1-8B-Instruct",))  # fmt: skip
    assert licensing.registrar(store, COMMERCIAL).terms(tuned).commercial == "restricted"


def test_what_a_hub_said_of_bases_is_remembered(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/twice")
    asking, alone = (licensing.registrar(store, COMMERCIAL, one) for one in (source, None))
    assert alone.terms(manifest).commercial == "unknown"
    asking.remember(asking.terms(manifest), manifest.commit)
    assert alone.terms(manifest) == asking.terms(manifest)
    licensing.findings(store.home, manifest.name, manifest.commit).write_text("{")
    with pytest.raises(CorruptFile, match="is damaged"):
        alone.terms(manifest)


def test_accepted_on_record_with_its_text(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/research")
    known = licensing.registrar(store, COMMERCIAL)
    ruling = known.ruling(manifest)
    assert not ruling.allowed
    made = accepting.accept(store, ruling.terms, manifest.commit, "commercial", "ada", "2026-11-20")
    assert (made.by, made.at, made.licence) == ("ada", "2026-11-20", "mrl")
    texts = dict(made.texts)
    assert set(texts) == {"README.md", "LICENSE.txt"}
    again = known.ruling(manifest)
    assert again.allowed
    assert again.accepted == made
    licensing.enforce(again)
    from ostler.verbs import remove

    remove.carry_out(remove.plan(refs.parse("acme/research"), store), store)
    kept = store.home / "licences" / "texts" / texts["LICENSE.txt"]
    assert kept.read_bytes() == LICENSE  # it outlives the model


def test_another_commit_was_not_accepted(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/research")
    known = licensing.registrar(store, COMMERCIAL)
    accepting.accept(store, known.terms(manifest), manifest.commit, "commercial", "ada", "now")
    assert accepting.accepted(store.home, "acme/research", "0" * 40) is None


def test_a_damaged_record_is_said(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/research")
    path = accepting.record(store.home, manifest.name, manifest.commit)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"by": "nobody"}))
    with pytest.raises(CorruptFile, match="is damaged"):
        licensing.registrar(store, COMMERCIAL).ruling(manifest)


def test_the_gate_of_a_machine(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/research")
    licensing.gate(store.home, "private", None)(manifest)
    with pytest.raises(LicenceBlocked):
        licensing.gate(store.home, "commercial", None)(manifest)
    (store.home / "licences.yaml").write_text("block: [MRL]\n")
    with pytest.raises(LicenceBlocked):
        licensing.gate(store.home, "", None)(manifest)


def test_a_policy_file(tmp_path: Path) -> None:
    assert licensing.policy(tmp_path, "", None).origin == "default"
    assert licensing.policy(tmp_path, "commercial", None).use == "commercial"
    file = tmp_path / "licences.yaml"
    file.write_text("use: research\nrules: {unknown: block}\n")
    found = licensing.policy(tmp_path, "", None)
    assert (found.use, found.rules["unknown"], found.origin) == ("research", "block", str(file))
    for wrong in ("[", "- a\n"):
        file.write_text(wrong)
        with pytest.raises(UsageError, match="licence policy"):
            licensing.policy(tmp_path, "", None)
    with pytest.raises(UsageError, match="no licence policy at"):
        licensing.policy(tmp_path, "", tmp_path / "none.yaml")


def test_the_report_names_files_and_disagreements(source: HuggingFace, store: Store) -> None:
    manifest = pulled(source, store, "acme/research")
    assert accepting.source_of(manifest) == "LICENSE.txt"
    place = store.home / "catalogue"
    place.mkdir()
    (place / "ours.yaml").write_text(
        "hf_path: acme/research\nparams_billions: 1\nquantization: fp16\ncontext_length: 512\n"
        "licence: mit\n"
    )
    rows = licensing.report(licensing.registrar(store, COMMERCIAL))
    assert [(one.name, note) for one, _, note in rows] == [
        ("acme/research", "licence_mismatch: the catalogue says mit")
    ]
