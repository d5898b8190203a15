"""A store as a hub: the commit, the names and the bytes are those of upstream."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from ostler.faces.hub.app import hub_app
from ostler.faces.hub.kept import KeptRepos
from ostler.nouns import KeptFile, Manifest
from ostler.store.store import Store
from ostler.testing.server import running

OLD, NEW = "a" * 40, "b" * 40
WEIGHTS = b"GGUF" + bytes(1000)


def keep(store: Store, content: bytes, git_sha1: str | None) -> KeptFile:
    sha256 = hashlib.sha256(content).hexdigest()
    if not store.has(sha256):
        with store.partials.open(sha256) as part:
            part.path.write_bytes(content)
            store.blobs.adopt(part.path, part.fd, sha256, git_sha1)
    return KeptFile("", len(content), sha256, git_sha1)


def register(store: Store, commit: str, config: bytes, pulled_at: str, **also: object) -> None:
    git_sha1 = hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()
    small, large = keep(store, config, git_sha1), keep(store, WEIGHTS, None)
    files = (
        KeptFile("sub/config.json", small.size, small.sha256, small.git_sha1),
        KeptFile("model-q8_0.gguf", large.size, large.sha256),
    )
    store.register(
        Manifest("hf", "acme/kept", commit, files, pulled_at=pulled_at, **also)  # type: ignore[arg-type]
    )


def test_what_one_machine_pulled_another_takes(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    register(
        store, OLD, b"{}", "2026-01-01T00:00:00+00:00", revisions=("v1",), aliases=("acme/former",)
    )
    register(
        store, NEW, b'{"a": 1}', "2026-02-01T00:00:00+00:00", licence="mit", task="text-generation"
    )
    with running(hub_app(KeptRepos(store))) as address:
        api = HfApi(endpoint=address, token=False)
        info = api.model_info("acme/former")
        assert (info.id, info.sha) == ("acme/kept", NEW)
        assert info.tags is not None
        assert {"gguf", "license:mit", "text-generation"} <= set(info.tags)
        assert [model.id for model in api.list_models(search="kept")] == ["acme/kept"]
        [small, large] = api.get_paths_info("acme/kept", ["sub/config.json", "model-q8_0.gguf"])
        assert (small.blob_id, small.lfs) == (hashlib.sha1(b'blob 8\0{"a": 1}').hexdigest(), None)
        assert large.lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
        refs = api.list_repo_refs("acme/kept")
        assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", OLD)]
        for revision, commit, config in (("v1", OLD, b"{}"), (NEW, NEW, b'{"a": 1}')):
            taken = Path(
                snapshot_download(
                    "acme/kept", revision=revision, endpoint=address, cache_dir=tmp_path / "cache"
                )
            )
            assert taken.name == commit
            assert (taken / "sub/config.json").read_bytes() == config
            assert (taken / "model-q8_0.gguf").read_bytes() == WEIGHTS
        checked = api.verify_repo_checksums("acme/kept", cache_dir=tmp_path / "cache", revision=NEW)
        assert (checked.checked_count, checked.mismatches) == (2, [])


def test_an_empty_store_is_an_empty_hub(tmp_path: Path) -> None:
    repos = KeptRepos(Store(tmp_path / "home"))
    assert repos.names() == []
    assert repos.find("acme/kept") is None
    assert repos.renamed("acme/kept") is None


def test_models_of_every_source_are_served(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    register(store, OLD, b"{}", "2026-01-01T00:00:00+00:00", revisions=("main",))
    for source, commit, revision in (
        ("ms", "c" * 64, "master"), ("git", "d" * 64, "trunk"), ("folder", "e" * 40, None)
    ):  # fmt: skip
        for name in (f"acme/of-{source}", "acme/kept"):
            (manifest,) = [one for one in store.manifests() if one.commit == OLD]
            names = (revision,) if revision else ()
            moved = replace(manifest, source=source, name=name, commit=commit, revisions=names)
            store.register(moved)
    repos = KeptRepos(store)
    assert repos.names() == ["acme/kept", "acme/of-folder", "acme/of-git", "acme/of-ms"]
    kept = repos.find("acme/kept")
    assert kept
    assert set(kept.snapshots) == {OLD}  # the hub's own is the one of this name
    with running(hub_app(repos)) as address:
        for name, commit in (("of-ms", None), ("of-git", None), ("of-folder", "e" * 40)):
            taken = Path(
                snapshot_download(f"acme/{name}", endpoint=address, cache_dir=tmp_path / "cache")
            )
            assert (taken / "model-q8_0.gguf").read_bytes() == WEIGHTS
            assert len(taken.name) == 40
            assert commit in (None, taken.name)
        snapshot_download(
            "acme/of-ms", revision="master", endpoint=address, cache_dir=tmp_path / "cache"
        )
