"""The store: nothing half-registered, shared contents counted once, strangers left alone."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ostler.core import plans, refs
from ostler.errors import (
    Busy,
    CorruptFile,
    OstlerError,
    QuantizationNotFound,
    UnknownModel,
    UsageError,
)
from ostler.nouns import KeptFile, Manifest, RemoteFile
from ostler.store import Store, locks

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def put(store: Store, path: str, content: bytes) -> KeptFile:
    sha256 = hashlib.sha256(content).hexdigest()
    git_sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    with store.partials.open(sha256) as part:
        os.write(part.fd, content)
        store.blobs.adopt(part.path, part.fd, sha256, git_sha1)
    return KeptFile(path, len(content), sha256, git_sha1)


def keep(
    store: Store,
    name: str = "acme/tiny",
    commit: str = COMMIT,
    revision: str = "main",
    pulled_at: str = "2026-01-01",
    **files: bytes,
) -> Manifest:
    kept = tuple(put(store, path.replace("__", "."), content) for path, content in files.items())
    manifest = Manifest("hf", name, commit, kept, revisions=(revision,), pulled_at=pulled_at)
    return store.register(manifest)


def removal(store: Store, manifest: Manifest, variant: str | None = None) -> int:
    return store.forget(plans.removal(manifest, variant, store.manifests()))


def test_an_unfinished_file_has_the_name_of_a_hash_or_none(store: Store, tmp_path: Path) -> None:
    for key in ("../up", "/etc/x", "", "a" * 39, "A" * 40):
        with pytest.raises(ValueError, match="not the hash"), store.partials.open(key):
            pass
        with pytest.raises(ValueError, match="not the hash"):
            store.partials.size(key)
    assert not any(tmp_path.rglob("*.part"))
    with store.partials.open("a" * 40):
        (store.partials.root / "a stranger's.part").write_bytes(b"x")
    assert store.partials.names() == ["a" * 40]


def test_asking_an_absent_home_writes_nothing(store: Store) -> None:
    assert store.manifests() == []
    assert store.used_bytes() == 0
    free, total = store.disk()
    assert 0 < free < total
    with pytest.raises(UnknownModel):
        store.find(refs.parse("acme/tiny"))
    assert not store.home.exists()


def test_a_registered_model_reads_back(store: Store) -> None:
    kept = keep(store, config__json=b"{}", m_q8_0__gguf=b"GGUF")
    assert store.manifests() == [kept]
    assert Store(store.home).manifests() == [kept]
    assert kept.revisions == ("main",)
    folder = store.folder(kept)
    assert (folder / "config.json").read_bytes() == b"{}"


def test_contents_are_read_only_and_the_home_is_private(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    blob = store.blob_path(kept.files[0].sha256)
    assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert stat.S_IMODE(store.home.stat().st_mode) == 0o700


def test_a_manifest_cannot_name_what_is_not_there(store: Store) -> None:
    manifest = Manifest("hf", "acme/tiny", COMMIT, (KeptFile("x", 1, "0" * 64),))
    with pytest.raises(ValueError, match="not verified yet"):
        store.register(manifest)
    assert store.manifests() == []


def test_a_second_quantization_extends_the_manifest(store: Store) -> None:
    keep(store, README__md=b"hi", m_q8_0__gguf=b"GGUF8")
    both = keep(store, README__md=b"hi", m_q4_0__gguf=b"GGUF4")
    assert [variant.name for _, variant in store.models()] == ["q4_0", "q8_0"]
    assert len(store.manifests()) == 1
    assert sorted(path.name for path in store.folder(both).iterdir()) == [
        "README.md",
        "m_q4_0.gguf",
        "m_q8_0.gguf",
    ]


def test_resolving_names_the_choices(store: Store) -> None:
    keep(store, m_q8_0__gguf=b"8", m_q4_0__gguf=b"4")
    _, variant = store.resolve(refs.parse("acme/tiny#Q8_0"))
    assert variant.files == ("m_q8_0.gguf",)
    with pytest.raises(UsageError, match="#q4_0, #q8_0"):
        store.resolve(refs.parse("acme/tiny"))
    with pytest.raises(QuantizationNotFound):
        store.resolve(refs.parse("acme/tiny#q6_k"))
    with pytest.raises(UnknownModel, match=r"Close to it: acme/tiny\.") as caught:
        store.resolve(refs.parse("acme/tinny"))
    assert "ostler pull" in caught.value.hint


def test_finding_prefers_main_and_follows_moving_branches(store: Store) -> None:
    keep(store, commit=OTHER, pulled_at="2026-01-01", config__json=b"1")
    keep(store, commit=COMMIT, revision="v1", pulled_at="2026-02-02", config__json=b"2")
    assert store.find(refs.parse("acme/tiny")).commit == OTHER
    assert store.find(refs.parse("acme/tiny@v1")).commit == COMMIT
    assert store.find(refs.parse("acme/tiny@aaaaaaa")).commit == COMMIT
    keep(store, commit=COMMIT, pulled_at="2026-03-03", config__json=b"2")  # main moves
    assert store.find(refs.parse("acme/tiny")).commit == COMMIT
    assert store.get("hf", "acme/tiny", OTHER) == replace(store.manifests()[0], revisions=())
    with pytest.raises(UnknownModel):
        store.find(refs.parse("acme/tiny@aaaaaa"))  # six digits are no commit


def test_a_variant_is_found_in_an_older_commit_too(store: Store) -> None:
    keep(store, commit=OTHER, m_q8_0__gguf=b"8")
    keep(store, commit=COMMIT, pulled_at="2026-02-02", m_q4_0__gguf=b"4")
    assert store.resolve(refs.parse("acme/tiny#q8_0"))[0].commit == OTHER
    assert store.resolve(refs.parse("acme/tiny"))[0].commit == COMMIT
    with pytest.raises(QuantizationNotFound, match="available: q4_0"):
        store.resolve(refs.parse("acme/tiny@main#q8_0"))


def test_a_former_name_still_finds_the_model(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    store.register(replace(kept, aliases=("acme/Meta-tiny",)))
    assert store.find(refs.parse("acme/Meta-tiny")).name == "acme/tiny"


def test_a_reference_prefers_its_own_source(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    assert store.find(refs.parse("acme/tiny")).source == "hf"
    with pytest.raises(UnknownModel):
        store.find(refs.parse("ms:acme/tiny"))
    other = replace(kept, source="ms", name="acme/other", commit=OTHER)
    store.register(other)
    store.register(replace(other, name="acme/tiny"))
    assert store.find(refs.parse("ms:acme/tiny")).source == "ms"
    assert store.find(refs.parse("acme/tiny")).source == "hf"
    assert store.find(refs.parse("acme/other")).source == "ms"


def test_removing_keeps_what_others_share(store: Store) -> None:
    one = keep(store, "acme/one", README__md=b"shared", m_q8_0__gguf=b"only one")
    two = keep(store, "acme/two", README__md=b"shared", m_q8_0__gguf=b"only two")
    assert store.used_bytes() == len(b"shared") + 2 * len(b"only one")
    assert removal(store, one) == len(b"only one")
    assert store.manifests() == [two]
    assert (store.folder(two) / "README.md").read_bytes() == b"shared"
    assert not (store.hub_cache / "models--acme--one").exists()
    assert removal(store, two) == len(b"shared") + len(b"only two")
    assert store.used_bytes() == 0


def test_removing_one_variant_keeps_the_others(store: Store) -> None:
    both = keep(store, README__md=b"hi", m_q8_0__gguf=b"8", m_q4_0__gguf=b"4")
    assert removal(store, both, "q8_0") == 1
    assert [variant.name for _, variant in store.models()] == ["q4_0"]
    assert not (store.folder(store.manifests()[0]) / "m_q8_0.gguf").is_symlink()


def test_a_removal_planned_on_another_state_is_refused(store: Store) -> None:
    before = keep(store, m_q8_0__gguf=b"8")
    planned = plans.removal(before, None, store.manifests())
    keep(store, m_q4_0__gguf=b"4")
    with pytest.raises(Busy):
        store.forget(planned)
    assert len(store.models()) == 2


def test_nothing_is_removed_while_a_pull_runs(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    put(store, "unnamed", b"verified, not yet registered")
    with store.pulling("acme/other"):
        with pytest.raises(Busy):
            store.sweep()
        with pytest.raises(Busy):
            removal(store, kept)
    assert store.sweep() == len(b"verified, not yet registered")
    assert store.manifests() == [kept]


def test_strangers_and_leftovers_are_not_looked_at(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    ours = ("", "blobs", "blobs/sha256", "models", "models/hf/acme/tiny", "views/hub", "partial")
    for place in (store.home / name for name in ours):
        (place / "lost+found").mkdir(exist_ok=True)
        (place / "notes.json").write_text("mine")
        (place / ".4242-1.tmp").write_bytes(b"half")
    assert store.manifests() == [kept]
    assert store.used_bytes() == 2
    assert store.sweep() == 0
    assert store.partials.names() == []
    assert (store.home / "models/hf/acme/tiny/notes.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../../etc"),
        ("commit", OTHER),
        ("files", [{"path": "../x", "size": 1, "sha256": "0" * 64}]),
        ("files", [{"path": "x", "size": 1, "sha256": "../../x"}]),
        ("files", [{"path": "x", "size": "1", "sha256": "0" * 64}]),
        ("files", 3),
        ("unknown", 1),
    ],
)
def test_a_damaged_manifest_is_named_and_never_passed_over(
    store: Store, field: str, value: object
) -> None:
    keep(store, config__json=b"{}")
    place = store.home / f"models/hf/acme/tiny/{COMMIT}.json"
    place.write_text(json.dumps(json.loads(place.read_bytes()) | {field: value}))
    with pytest.raises(CorruptFile, match=COMMIT):
        store.manifests()
    with pytest.raises(CorruptFile):
        store.sweep()
    assert store.used_bytes() == 2


def test_a_name_cannot_lead_out_of_the_store(store: Store) -> None:
    for name, commit in (("../../etc/x", COMMIT), ("acme/tiny", "../../../x")):
        with pytest.raises(OstlerError):
            store.register(Manifest("hf", name, commit, ()))
    with pytest.raises(ValueError, match="not a sha256"):
        store.blob_path("../../etc/passwd")


def test_kept_is_asked_by_any_hash_and_a_truncated_content_does_not_count(store: Store) -> None:
    kept = put(store, "x", b"content")
    assert store.kept(RemoteFile("y", 7, git_sha1=kept.git_sha1)) == kept.sha256
    assert store.kept(RemoteFile("y", 7, sha256=kept.sha256)) == kept.sha256
    assert store.kept(RemoteFile("y", 8, sha256=kept.sha256)) is None
    blob = store.blob_path(kept.sha256)
    blob.chmod(0o644)
    blob.write_bytes(b"cont")
    assert store.kept(RemoteFile("y", 7, git_sha1=kept.git_sha1)) is None
    store.sweep()
    assert store.blobs.of_git_sha1(str(kept.git_sha1)) is None


def test_the_view_is_made_again_when_it_is_gone_and_can_be_moved(store: Store) -> None:
    kept = keep(store, config__json=b"{}")
    link = store.folder(kept) / "config.json"
    assert not os.path.isabs(os.readlink(link))
    link.unlink()
    assert (store.folder(kept) / "config.json").exists()
    moved = store.home.rename(store.home.with_name("moved"))
    assert (Store(moved).folder(kept) / "config.json").read_bytes() == b"{}"


def test_a_partial_file_has_one_writer_at_a_time(store: Store) -> None:
    waiting, got = threading.Event(), []

    def second() -> None:
        with store.partials.open("0" * 64, waiting.set) as part:
            got.append((part.size, store.has(sha256)))

    content = b"x" * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    with store.partials.open("0" * 64) as part:
        other = threading.Thread(target=second)
        other.start()
        assert waiting.wait(10)
        os.write(part.fd, content)
        store.blobs.adopt(part.path, part.fd, sha256, None)
    other.join(10)
    # the second did not get the renamed file, which is a content now, but a new empty one
    assert got == [(0, True)]


def test_a_home_that_cannot_be_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "home")
    assert store.manifests() == []
    assert store.disk()[0] > 0
    with pytest.raises(UsageError, match="Not a directory"), store.pulling("acme/tiny"):
        pass


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    code = (
        "import sys, signal, pathlib\n"
        "from ostler.store import locks\n"
        "with locks.hold(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        with pytest.raises(Busy), locks.hold(path, wait=False):
            pass
        child.kill()
        child.wait()
    with locks.hold(path, wait=False):
        pass


def test_the_hubs_own_client_reads_the_view_offline(store: Store) -> None:
    kept = keep(store, config__json=b'{"a": 1}', m_q8_0__gguf=b"GGUF")
    code = (
        "import huggingface_hub as h\n"
        "print(h.snapshot_download('acme/tiny', local_files_only=True))\n"
        "print(h.hf_hub_download('acme/tiny', 'config.json', revision='main'))\n"
        "print(len(h.scan_cache_dir().repos), h.scan_cache_dir().warnings)\n"
    )
    env = {"PATH": os.environ["PATH"], "HF_HUB_CACHE": str(store.hub_cache), "HF_HUB_OFFLINE": "1",
           "HOME": str(store.home)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    folder, config, scanned = done.stdout.splitlines()
    assert Path(folder) == store.folder(kept)
    assert json.loads(Path(config).read_bytes()) == {"a": 1}
    assert scanned == "1 []"
