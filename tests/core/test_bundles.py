"""A bundle's own words: what is written is read again, what lies is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import bundles
from ostler.errors import CorruptFile, OstlerError, UnsafePath
from ostler.nouns import KeptFile, Manifest

SHA = hashlib.sha256(b"{}").hexdigest()
MODEL = Manifest(
    "hf", "acme/tiny", "a" * 40, (KeptFile("config.json", 2, SHA),), revisions=("main",),
    pulled_at="2026-01-01T00:00:00+00:00", licence="mit",
)  # fmt: skip


def config(**changed: Any) -> bytes:
    return json.dumps(asdict(MODEL) | changed).encode()


def test_the_head_says_what_follows() -> None:
    other = replace(MODEL, name="acme/copy")
    head = bundles.head([MODEL, other])
    assert [file.sha256 for file in head.contents] == [SHA]  # a shared content comes once
    index = head.texts["index.json"]
    models = []
    for digest, size in bundles.listed(index).items():
        manifest = head.texts[bundles.BLOBS + digest]
        assert len(manifest) == size
        sha256, length = bundles.config_of(manifest)
        text = head.texts[bundles.BLOBS + sha256]
        assert len(text) == length
        models.append(bundles.model_of(text))
    assert models == [MODEL, other]


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\b", "a\x00b", "a//b", "./a", "a" * 300],
)
def test_names_that_lead_out_are_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        bundles.model_of(config(files=[{"path": path, "size": 2, "sha256": SHA}]))


def test_names_alike_but_for_case_are_refused() -> None:
    files = [{"path": name, "size": 2, "sha256": SHA} for name in ("config.json", "Config.json")]
    with pytest.raises(UnsafePath, match="some file systems"):
        bundles.model_of(config(files=files))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../../etc"},
        {"commit": "../../x"},
        {"source": "../x"},
        {"files": [{"path": "a", "size": -1, "sha256": SHA}]},
        {"files": [{"path": "a", "size": 2, "sha256": "../../x"}]},
        {"files": [{"path": "a", "size": 2, "sha256": SHA, "git_sha1": "../x"}]},
        {"files": [{"path": "a"}]},
        {"files": 5},
        {"licence": {"a": 1}},
        {"pulled_at": "yesterday"},
        {"revisions": ["../../main"]},
        {"unheard": 1},
    ],
)
def test_a_configuration_that_lies_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(OstlerError):
        bundles.model_of(config(**changed))


@given(st.binary(max_size=300))
def test_anything_is_read_or_refused(text: bytes) -> None:
    for reader in (bundles.listed, bundles.config_of, bundles.model_of):
        with pytest.raises(OstlerError):
            reader(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["manifests", "config", "digest", "size", "files", "name"]), inner,
            max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_json_is_read_or_refused(value: Any) -> None:
    text = json.dumps(value).encode()
    for reader in (bundles.listed, bundles.config_of, bundles.model_of):
        try:
            reader(text)
        except OstlerError:
            continue


def test_only_our_names_are_members() -> None:
    assert bundles.digest_in(f"blobs/sha256/{SHA}") == SHA
    for name in ("../x", f"/blobs/sha256/{SHA}", f"blobs/sha256/{SHA}/x", f"BLOBS/sha256/{SHA}"):
        with pytest.raises(UnsafePath):
            bundles.digest_in(name)
    with pytest.raises(CorruptFile):
        bundles.listed(b'{"manifests": [{"digest": "sha256:..", "size": 1}]}')
