"""Taking in what other applications keep: proven, shared, and left as it was."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.verbs.keeping import CONTENTS, whole, write

from ostler.core import refs
from ostler.core.git import pointer
from ostler.core.policy import Policy
from ostler.errors import (
    ChecksumMismatch,
    FileNotInRepo,
    LfsPointer,
    UnsafeFormat,
    UsageError,
)
from ostler.nouns import Manifest
from ostler.ports import Source
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.store.adoption import offers
from ostler.verbs import adopt

Hub = Any  # the fixture of tests/conftest.py
REF = refs.parse("acme/tiny")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def source(hub: Hub) -> Iterator[Source]:
    with closing(HuggingFace(hub.address)) as source:
        yield source


def take_in(
    store: Store, place: Path, name: str | None = None, source: Source | None = None,
    how: str = "clone",
) -> list[Manifest]:  # fmt: skip
    ref = refs.parse(name) if name else None
    plans = adopt.plan(place, ref, source, Policy())
    return [adopt.carry_out(one, store, how) for one in plans]


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything that an import must not alter."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def ollama(root: Path, content: bytes, name: str = "library/tiny", tag: str = "q8_0") -> Path:
    """Write a store as Ollama lays it out."""
    digests = {}
    for kind, layer in (("model", content), ("template", b"{{ .Prompt }}"), ("messages", b"[]")):
        digest = hashlib.sha256(layer).hexdigest()
        write(root / "models/blobs", {f"sha256-{digest}": layer})
        digests[kind] = {
            "mediaType": f"application/vnd.ollama.image.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(layer),
        }
    manifest = {"schemaVersion": 2, "layers": list(digests.values())}
    place = root / "models/manifests/registry.ollama.ai" / name / tag
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(manifest))
    return root


def hub_cache(root: Path) -> Path:
    """Write a cache as the Hub's client lays it out."""
    repo = root / "models--acme--tiny"
    folder = repo / "snapshots" / ("c" * 40)
    for path, content in CONTENTS.items():
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        etag = hashlib.sha256(content).hexdigest() if len(content) > 1000 else git
        write(repo / "blobs", {etag: content})
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(repo / "blobs" / etag, link.parent))
    write(repo / "refs", {"main": b"c" * 40})
    return root


@pytest.mark.parametrize("how", ["clone", "copy", "link"])
def test_a_plain_folder_is_not_altered(store: Store, tmp_path: Path, how: str) -> None:
    folder = write(tmp_path / "tiny")
    before = snapshot(folder)
    (kept,) = take_in(store, folder, "my/tiny", how=how)
    assert snapshot(folder) == before
    assert whole(store, kept)
    assert {file.path for file in kept.files} == set(CONTENTS)
    shared = store.blob_path(kept.files[0].sha256).samefile(folder / kept.files[0].path)
    assert shared == (how == "link")
    assert kept.revisions == ("main",)
    assert take_in(store, folder, "my/tiny", how=how) == [store.find(refs.parse("my/tiny"))]


def test_a_linked_file_is_synced_before_it_has_its_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    fsync, link = os.fsync, os.link

    def watch_fsync(fd: int) -> None:
        fsync(fd)
        synced.add(os.fstat(fd).st_ino)

    def watch_link(old: Path, new: Path) -> None:
        assert os.stat(old).st_ino in synced
        link(old, new)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "link", watch_link)
    (kept,) = take_in(store, write(tmp_path / "tiny"), "my/tiny", how="link")
    assert whole(store, kept)


def test_a_moved_folder_is_empty(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny")
    (kept,) = take_in(store, folder, "my/tiny", how="move")
    assert whole(store, kept)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert store.blob_path(kept.files[0].sha256).stat().st_mode & 0o222 == 0


def test_equal_bytes_are_kept_once(store: Store, tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two", CONTENTS | {"more": b"more"})
    take_in(store, one, "my/one")
    take_in(store, two, "my/two")
    assert len(list(store.blobs.all())) == len(CONTENTS) + 1


def test_a_folder_is_held_against_the_hub(
    store: Store, tmp_path: Path, hub: Hub, source: Source
) -> None:
    files = {p.name: p.read_bytes() for p in hub.path("acme/tiny").iterdir() if p.is_file()}
    files = {name: content for name, content in files.items() if name[0] != "."}
    folder = write(tmp_path / "tiny", files | {"notes.txt": b"my own"})
    (plan,) = adopt.plan(folder, REF, source, Policy())
    assert plan.left == ("notes.txt",)
    kept = adopt.carry_out(plan, store, endpoint=hub.address)
    assert kept.commit == source.listing(REF).commit
    assert (kept.licence, kept.task, kept.origin) == ("apache-2.0", "text-generation", hub.address)
    weights = folder / "model-00001-of-00002.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    fresh = Store(tmp_path / "fresh")
    with pytest.raises(ChecksumMismatch):
        take_in(fresh, folder, "acme/tiny", source)
    assert fresh.manifests() == []
    weights.write_bytes(content + b"more")
    with pytest.raises(ChecksumMismatch, match="is not the hub's"):
        adopt.plan(folder, REF, source, Policy())


def test_a_hub_that_does_not_answer_is_said(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny")
    with closing(HuggingFace("http://127.0.0.1:9")) as gone:
        (plan,) = adopt.plan(folder, REF, gone, Policy())
    assert "Not held against the hub" in plan.notes[0]


def test_a_hub_cache_is_proven_by_its_own_names(store: Store, tmp_path: Path) -> None:
    cache = hub_cache(tmp_path / "cache")
    before = snapshot(cache)
    (kept,) = take_in(store, cache)
    assert (kept.name, kept.commit, kept.revisions) == ("acme/tiny", "c" * 40, ("main",))
    assert whole(store, kept)
    assert snapshot(cache) == before
    blob = max((cache / "models--acme--tiny/blobs").iterdir(), key=lambda p: p.stat().st_size)
    blob.write_bytes(bytes(blob.stat().st_size))
    with pytest.raises(ChecksumMismatch):
        take_in(Store(tmp_path / "other"), cache)
    small = min((cache / "models--acme--tiny/blobs").iterdir(), key=lambda p: p.stat().st_size)
    small.write_bytes(b"??")
    with pytest.raises(ChecksumMismatch, match="git id"):
        take_in(Store(tmp_path / "third"), cache)


def test_a_moved_cache_still_works_for_its_application(store: Store, tmp_path: Path) -> None:
    cache = hub_cache(tmp_path / "cache")
    (kept,) = take_in(store, cache, how="move")
    folder = cache / "models--acme--tiny/snapshots" / kept.commit
    assert {p: (folder / p).read_bytes() for p in CONTENTS} == CONTENTS
    take_in(store, cache, how="move")  # its files are ours by now
    assert whole(store, kept)


def test_an_ollama_store(store: Store, tmp_path: Path) -> None:
    content = b"GGUF" + bytes(1000)
    root = ollama(tmp_path / ".ollama", content)
    before = snapshot(root)
    (kept,) = take_in(store, root)
    assert snapshot(root) == before
    assert kept.name == "library/tiny"
    assert [file.path for file in kept.files] == ["ollama-template.txt", "tiny-q8_0.gguf"]
    _, variant = store.resolve(refs.parse("library/tiny#q8_0"))
    assert (store.folder(kept) / variant.files[0]).read_bytes() == content


def test_lm_studio_names_models_by_their_folders(store: Store, tmp_path: Path) -> None:
    write(tmp_path / "models/acme/a-GGUF", {"a-Q8_0.gguf": b"GGUF"})
    write(tmp_path / "models/acme/b-GGUF", {"b-Q8_0.gguf": b"GGUFb"})
    assert [one.name for one in take_in(store, tmp_path / "models")] == [
        "acme/a-GGUF",
        "acme/b-GGUF",
    ]


def git(*words: str, cwd: Path) -> None:
    env = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *who, *words], cwd=cwd, check=True, capture_output=True, env=env)


def test_a_clone_with_pointers(store: Store, tmp_path: Path) -> None:
    content = CONTENTS["extra/model.bin"]
    digest = hashlib.sha256(content).hexdigest()
    clone = write(tmp_path / "clone", CONTENTS | {"extra/model.bin": pointer(digest, len(content))})
    git("init", "-b", "main", cwd=clone)
    git("remote", "add", "origin", "https://huggingface.co/acme/tiny", cwd=clone)
    git("add", ".", cwd=clone)
    git("commit", "-m", "a", cwd=clone)
    with pytest.raises(LfsPointer, match="extra/model") as caught:
        take_in(store, clone)
    assert caught.value.code == "lfs_pointer_not_downloaded"
    assert "ostler pull acme/tiny" in caught.value.hint
    # git-lfs keeps what it fetched here, whether or not it was checked out
    write(clone / ".git/lfs/objects" / digest[:2] / digest[2:4], {digest: content})
    git("gc", cwd=clone)  # packs the branch
    (kept,) = take_in(store, clone)
    assert whole(store, kept)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, check=True, capture_output=True, text=True
    )
    assert (kept.name, kept.commit) == ("acme/tiny", head.stdout.strip())
    assert kept.revisions == ("main",)


def test_what_the_rules_forbid_is_refused(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny", {"pytorch_model.bin": b"x"})
    with pytest.raises(UnsafeFormat):
        adopt.plan(folder, REF, None, Policy("block"))
    (plan,) = adopt.plan(folder, REF, None, Policy("warn"))
    assert plan.notes[0].startswith("unsafe_format")


def test_places_without_a_model_or_a_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotInRepo):
        offers(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotInRepo):
        offers(tmp_path / "empty")
    with pytest.raises(UsageError, match="name") as caught:
        adopt.plan(write(tmp_path / "tiny"), None, None, Policy())
    assert "--id" in caught.value.hint


def test_one_file_is_a_model_too(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"x-Q4_K_M.gguf": b"GGUF"})
    (kept,) = take_in(store, tmp_path / "x-Q4_K_M.gguf", "my/x-GGUF")
    assert [file.path for file in kept.files] == ["x-Q4_K_M.gguf"]
