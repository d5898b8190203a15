"""Bundles: one stream out, one pass in, and nothing in it trusted."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.verbs.keeping import CONTENTS, OTHER, keep, kept_file, whole

from ostler.core import bundles, tar
from ostler.errors import ChecksumMismatch, CorruptFile, DamagedModel, OstlerError, UnsafePath
from ostler.nouns import Manifest
from ostler.store import Store
from ostler.verbs import bundle
from ostler.verbs.unbundle import Incoming


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def fresh(tmp_path: Path) -> Store:
    return Store(tmp_path / "fresh")


def bundled(store: Store, *models: Manifest) -> bytes:
    out = io.BytesIO()
    size = bundle.carry_out(bundle.plan(models), store, out)
    assert size == len(out.getvalue())
    return out.getvalue()


def take_in(stream: bytes, store: Store) -> tuple[Manifest, ...]:
    incoming = Incoming(io.BytesIO(stream))
    return incoming.carry_out(incoming.plan(store), store)


def members(stream: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while entry := tar.entry(stream[at : at + 512]):
        yield entry.name, stream[at + 512 : at + 512 + entry.size]
        at += 512 + entry.size + entry.padding


def packed(parts: list[tuple[str, bytes]]) -> bytes:
    made = [tar.header(n, len(c)) + c + bytes(-len(c) % 512) for n, c in parts]
    return b"".join(made) + tar.END


def with_model(store: Store, **changed: object) -> bytes:
    """A bundle whose model says something else of itself, hashes and all in order."""
    manifest = keep(store)
    raw = asdict(manifest) | changed
    config = json.dumps(raw).encode()
    oci = json.dumps({"config": bundles._descriptor(bundles.CONFIG, config)}).encode()
    index = json.dumps({"manifests": [bundles._descriptor("", oci)]}).encode()
    texts = [(bundles.BLOBS + bundles._descriptor("", one)["digest"][7:], one)
             for one in (oci, config)]  # fmt: skip
    contents = [(bundles.BLOBS + kept_file("", one).sha256, one) for one in CONTENTS.values()]
    return packed([("oci-layout", bundles.LAYOUT), ("index.json", index), *texts, *contents])


def test_out_and_in(store: Store, fresh: Store) -> None:
    one = keep(store)
    two = keep(store, {"config.json": b"{}", "x": b"x"}, name="acme/other", commit=OTHER)
    kept = take_in(bundled(store, one, two), fresh)
    assert [(m.name, m.files) for m in kept] == [(m.name, m.files) for m in (one, two)]
    assert all(whole(fresh, m) for m in kept)
    assert take_in(bundled(store, one), fresh)[0].files == one.files  # again: nothing to do


def test_other_tar_programs_read_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(bundled(store, keep(store)))
    subprocess.run(["tar", "-C", str(tmp_path), "-xf", str(tmp_path / "x.tar")], check=True)
    blobs = sorted((tmp_path / "blobs/sha256").iterdir())
    sums = "".join(f"{one.name}  {one}\n" for one in blobs)
    subprocess.run(["sha256sum", "-c", "--quiet"], input=sums, text=True, check=True)
    with tarfile.open(tmp_path / "x.tar") as found:
        assert [one.name for one in found][:2] == ["oci-layout", "index.json"]
    index = json.loads((tmp_path / "index.json").read_bytes())
    oci = json.loads((tmp_path / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_bytes())
    titles = {layer["annotations"][bundles.TITLE] for layer in oci["layers"]}
    assert titles == set(CONTENTS)


def test_a_bundle_that_is_cut_anywhere_registers_nothing(store: Store, fresh: Store) -> None:
    stream = bundled(store, keep(store))
    for cut in (0, 100, 512, 1500, 3000, len(stream) // 2, len(stream) - 1025):
        with pytest.raises(CorruptFile):
            take_in(stream[:cut], fresh)
        assert fresh.manifests() == []
    (kept,) = take_in(stream, fresh)
    assert whole(fresh, kept)


def test_a_flipped_byte_is_found_wherever_it_is(store: Store, fresh: Store) -> None:
    stream = bundled(store, keep(store))
    for at in range(0, len(stream) - 1024, len(stream) // 40):
        bad = bytearray(stream)
        bad[at] ^= 1
        try:
            kept = take_in(bytes(bad), fresh)
        except OstlerError:
            continue
        assert all(whole(fresh, one) for one in kept)  # it was in the padding


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "blobs/../../x", "blobs/sha256/short", "other"])
def test_names_that_are_not_ours_are_refused(store: Store, fresh: Store, name: str) -> None:
    parts = [*members(bundled(store, keep(store))), (name, b"x")]
    with pytest.raises(UnsafePath):
        take_in(packed(parts), fresh)
    assert fresh.manifests() == []


def test_links_are_refused(store: Store, fresh: Store) -> None:
    stream = bundled(store, keep(store)).removesuffix(tar.END)
    info = tarfile.TarInfo("blobs/sha256/" + "a" * 64)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(UnsafePath, match="a symbolic link"):
        take_in(stream + info.tobuf(tarfile.USTAR_FORMAT) + tar.END, fresh)


def test_contents_that_nobody_names_or_that_come_twice_are_refused(
    store: Store, fresh: Store
) -> None:
    parts = list(members(bundled(store, keep(store))))
    for extra in (parts[-1], (bundles.BLOBS + kept_file("", b"more").sha256, b"more")):
        with pytest.raises(CorruptFile, match="twice"):
            take_in(packed([*parts, extra]), fresh)
    with pytest.raises(CorruptFile, match="not in it"):
        take_in(packed(parts[:-1]), Store(fresh.home.with_name("third")))
    with pytest.raises(CorruptFile, match="first"):
        take_in(packed([*parts[:2], *reversed(parts[2:])]), fresh)
    assert fresh.manifests() == []


@pytest.mark.parametrize("git", [True, False])
def test_wrong_bytes_under_a_right_name_are_refused(store: Store, fresh: Store, git: bool) -> None:
    manifest = keep(store)
    large = tuple(replace(f, git_sha1=f.git_sha1 if git else None) for f in manifest.files)
    parts = list(members(bundled(store, replace(manifest, files=large))))
    name, content = parts[-1]
    with pytest.raises(ChecksumMismatch):
        take_in(packed([*parts[:-1], (name, bytes(len(content)))]), fresh)
    assert not fresh.has(name.rpartition("/")[2])
    assert fresh.partials.names() == []


@pytest.mark.parametrize("path", ["../../x", "/etc/x", "CONFIG.JSON"])
def test_file_names_that_play_tricks_are_refused(store: Store, fresh: Store, path: str) -> None:
    files = [asdict(kept_file(one, content)) for one, content in CONTENTS.items()]
    files[-1]["path"] = path
    with pytest.raises(UnsafePath):
        take_in(with_model(store, files=files), fresh)


def test_what_the_bundle_claims_of_its_hub_and_blocks_is_not_kept(
    store: Store, fresh: Store
) -> None:
    (kept,) = take_in(with_model(store, origin="http://evil.example"), fresh)
    assert kept.origin == ""
    assert kept.name == "acme/tiny"


def test_a_bundle_cannot_change_a_kept_model(store: Store, fresh: Store) -> None:
    stream = bundled(store, keep(store))
    mine = keep(fresh, {"config.json": b'{"mine": 1}'})
    with pytest.raises(ChecksumMismatch, match="with another config"):
        take_in(stream, fresh)
    assert fresh.manifests() == [mine]


def test_a_damaged_store_makes_no_bundle(store: Store) -> None:
    manifest = keep(store)
    place = store.blob_path(manifest.files[0].sha256)
    place.chmod(0o644)
    place.write_bytes(bytes(manifest.files[0].size))
    with pytest.raises(DamagedModel):
        bundled(store, manifest)


def test_huge_claims_take_no_memory(fresh: Store) -> None:
    tracemalloc.start()
    for size in (2**40, 2**62):
        with pytest.raises(CorruptFile):
            Incoming(io.BytesIO(tar.header("oci-layout", size) + bytes(2**16)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
