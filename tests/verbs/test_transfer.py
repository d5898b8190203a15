"""Large files: several connections, bounded memory, a cap, direct and ordinary writes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ostler.core import blocks, refs
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import Cancelled, HubUnreachable, InsufficientDisk, OverBudget
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.store.writing import Pen
from ostler.testing.faults import Answer, CutAfter, FlipByte, IgnoreRange, Stall
from ostler.verbs import downloads, pull, repair
from ostler.verbs.progress import Progress, Step
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
REPO, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
QUICK = Patience(attempts=3, first=0.01)
SIZE = 4 * BLOCK + 12_345


@pytest.fixture(autouse=True)
def large_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give several connections to a file that a test can make in no time."""
    monkeypatch.setattr(blocks, "MANY", 2 * BLOCK)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def source(hub: Hub) -> Iterator[HuggingFace]:
    hub.path(f"{REPO}/{FILE}").write_bytes(b"GGUF" + Random(3).randbytes(SIZE - 4))
    with closing(HuggingFace(hub.address, patience=QUICK)) as one:
        yield one


def pulled(source: HuggingFace, store: Store, **options: Any) -> None:
    plan = pull.plan(refs.parse(REPO), source, store)
    manifest = pull.carry_out(plan, source, store, patience=QUICK, **options)
    assert verify(store, manifest) == ()
    (file,) = [one for one in manifest.files if one.path == FILE]
    content = store.blob_path(file.sha256).read_bytes()
    ends = [hashlib.sha256(content[:end]).hexdigest() for end in range(BLOCK, SIZE, BLOCK)]
    assert file.blocks == "".join(ends)


def ranges(hub: Hub) -> list[str | None]:
    return [request.headers.get("range") for request in hub.faults.asked(f"*/{FILE}", "GET")]


def test_a_large_file_comes_through_several_connections(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", CutAfter(1000), times=2)
    hub.faults.add(f"*/{FILE}", Answer(503), times=2)
    pulled(source, store)
    asked = {text for text in ranges(hub) if text}
    assert {
        f"bytes={at}-{min(at + BLOCK, SIZE) - 1}" for at in range(2 * BLOCK, SIZE, BLOCK)
    } <= asked


def test_a_server_without_ranges_gives_it_through_one(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", IgnoreRange())
    pulled(source, store)


def test_a_flipped_byte_in_a_range_is_found(hub: Hub, source: HuggingFace, store: Store) -> None:
    hub.faults.add(f"*/{FILE}", FlipByte(BLOCK + 3))  # in whichever range holds it
    restarted = []

    def told(event: Progress) -> None:
        if event.step is Step.RESTARTED:
            restarted.append(event.path)
            hub.faults.clear()

    pulled(source, store, report=told)
    assert restarted == [FILE]


def test_lanes_that_break_off_leave_what_is_in_order(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", lambda app, *rest: app(*rest), times=2)
    hub.faults.add(f"*/{FILE}", Answer(500))
    with pytest.raises(HubUnreachable):
        pulled(source, store)
    (key,) = store.partials.names()
    left = store.partials.size(key)
    assert left % BLOCK == 0
    hub.faults.clear()
    pulled(source, store)
    first = [int(str(text).removeprefix("bytes=").partition("-")[0]) for text in ranges(hub)]
    assert min(first) == left


def test_one_worker_uses_one_connection(hub: Hub, source: HuggingFace, store: Store) -> None:
    pulled(source, store, workers=1)
    assert ranges(hub) == [None]


def test_a_cap_is_kept(source: HuggingFace, store: Store) -> None:
    began = time.monotonic()
    pulled(source, store, limits=pull.Limits(max_speed=60 * 10**6))
    assert time.monotonic() - began >= SIZE / (60 * 10**6) * 0.95


def test_several_damaged_blocks_are_each_fetched_alone(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    pulled(source, store)
    (manifest,) = store.manifests()
    file = next(one for one in manifest.files if one.path == FILE)
    blob = store.blob_path(file.sha256)
    blob.chmod(0o600)
    with blob.open("r+b") as content:
        for at in (3, 2 * BLOCK + 9):
            content.seek(at)
            content.write(b"\0\1\2")
        content.truncate(SIZE - 1)
    hub.faults.clear()
    damages = verify(store, manifest)
    done = repair.carry_out(manifest, repair.plan(manifest, damages), source, store)
    last = SIZE // BLOCK * BLOCK
    assert done == (repair.Mended(FILE, 2 * BLOCK + SIZE - last, (0, 2 * BLOCK, last)),)
    assert len(ranges(hub)) == 3
    assert verify(store, manifest) == ()


def test_a_file_that_grew_is_cut_and_nothing_is_fetched(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    pulled(source, store)
    (manifest,) = store.manifests()
    file = next(one for one in manifest.files if one.path == FILE)
    blob = store.blob_path(file.sha256)
    blob.chmod(0o600)
    with blob.open("ab") as content:
        content.write(b"more")
    hub.faults.clear()
    (done,) = repair.carry_out(manifest, (file,), source, store)
    assert (done.fetched, ranges(hub)) == (0, [])
    assert verify(store, manifest) == ()


def test_a_repair_leaves_another_programs_link_alone(source: HuggingFace, store: Store) -> None:
    pulled(source, store)
    (manifest,) = store.manifests()
    file = next(one for one in manifest.files if one.path == FILE)
    blob = store.blob_path(file.sha256)
    other = store.home / "another programs file"
    blob.chmod(0o600)
    with blob.open("r+b") as content:
        content.write(b"XXXX")
    os.link(blob, other)
    repair.carry_out(manifest, (file,), source, store)
    assert verify(store, manifest) == ()
    assert other.read_bytes()[:4] == b"XXXX"


def test_what_was_kept_without_blocks_is_fetched_whole(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    pulled(source, store)
    (manifest,) = store.manifests()
    files = tuple(replace(file, blocks="") for file in manifest.files)
    old = store.register(replace(manifest, files=files))
    big = next(file for file in old.files if file.path == FILE)
    blob = store.blob_path(big.sha256)
    blob.chmod(0o600)
    with blob.open("r+b") as content:
        content.write(b"XXXX")
    (damage,) = verify(store, old)
    assert damage.at is None
    repair.carry_out(old, repair.plan(old, (damage,)), source, store)
    assert verify(store, old) == ()


def test_a_file_system_without_direct_writes_gets_ordinary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: HuggingFace, store: Store
) -> None:
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    path = tmp_path / "file"
    path.touch()
    pen = Pen(path, SIZE)
    assert not pen.direct
    assert path.stat().st_size == SIZE  # its room is taken before the first byte
    pen.end(10)
    assert path.stat().st_size == 10
    pulled(source, store)


def test_what_running_downloads_still_need_is_not_free(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    stall = Stall(after=10)
    hub.faults.add(f"*/{FILE}", stall, times=1)
    worker = threading.Thread(target=lambda: pulled(source, store, workers=1))
    worker.start()
    try:
        assert stall.reached.wait(20)
        other = pull.plan(refs.parse("acme/tiny"), source, store)
        room = pull.room(other, store)
        assert room.claimed == SIZE
        store.disk = lambda: (SIZE + other.fetch_bytes - 1, 2**50)  # type: ignore[method-assign]
        with pytest.raises(InsufficientDisk, match="claimed by other downloads"):
            pull.carry_out(other, source, store, limits=pull.Limits(reserve=0))
        del store.disk
    finally:
        stall.released.set()
        worker.join(60)
    assert pull.room(other, store).claimed == 0


def test_a_budget_names_what_could_go_first(source: HuggingFace, store: Store) -> None:
    pulled(source, store)
    other = pull.plan(refs.parse("acme/tiny"), source, store)
    budget = store.used_bytes() + other.fetch_bytes
    with pytest.raises(OverBudget, match="budget") as caught:
        pull.carry_out(other, source, store, limits=pull.Limits(budget=budget - 1))
    assert f"ostler rm {REPO}" in caught.value.hint
    assert store.downloads.all() == []
    pull.carry_out(other, source, store, limits=pull.Limits(budget=budget))


def test_a_download_is_seen_and_cancelled_from_elsewhere(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    under_way = threading.Event()
    failed: list[BaseException] = []

    def report(event: Progress) -> None:
        if event.path == FILE and event.done > BLOCK:
            under_way.set()

    def work() -> None:
        slow = pull.Limits(max_speed=16 * 10**6)
        try:
            pulled(source, store, workers=1, words=(REPO, "-q"), report=report, limits=slow)
        except Cancelled as error:
            failed.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert under_way.wait(20)
    (one,) = store.downloads.all()
    assert (one.name, one.running, one.words) == (REPO, True, (REPO, "-q"))
    assert downloads.cancel(store, one, purge=False) == 0
    worker.join(20)
    assert failed
    (left,) = store.downloads.all()
    assert (left.running, left.state) == (False, "cancelled")
    assert left.done > BLOCK
    assert downloads.cancel(store, left, purge=True) >= BLOCK
    assert store.downloads.all() == []
    assert store.partials.names() == []


def test_whoever_comes_second_sees_how_far_the_first_is(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    stall = Stall(after=2 * BLOCK + 5)
    hub.faults.add(f"*/{FILE}", stall, times=1)
    seen = threading.Event()

    def report(event: Progress) -> None:
        if event.step is Step.PROGRESS and not event.path and event.total_done > BLOCK:
            seen.set()

    workers = [
        threading.Thread(target=lambda: pulled(source, store, workers=1)),
        threading.Thread(target=lambda: pulled(source, store, report=report)),
    ]
    workers[0].start()
    assert stall.reached.wait(20)
    workers[1].start()
    assert seen.wait(20)
    stall.released.set()
    for worker in workers:
        worker.join(60)
    assert ranges(hub) == [None]


MEMORY = """
import sys
from contextlib import contextmanager
from pathlib import Path
from ostler.core import refs
from ostler.nouns import Listing, RemoteFile
from ostler.sources import huggingface  # what a real pull has in memory, too
from ostler.store import Store
from ostler.verbs import pull

SIZE, SEEN = 64 * 2**30, 2**30

class Zeros:
    etag = ""
    def __init__(self, start, end):
        self.start, self.size, self.left = start, SIZE, end - start
    def readinto(self, buffer):
        if self.start > SEEN:
            raise SystemExit
        count = min(len(buffer), self.left)
        self.left -= count
        return count

class Source:
    def listing(self, ref):
        files = (RemoteFile("m.gguf", SIZE, sha256="0" * 64),)
        return Listing("hf", ref.name, "c" * 40, files, revision="main")
    @contextmanager
    def open(self, listing, file, start=0, end=None):
        yield Zeros(start, end or SIZE)

store = Store(Path(sys.argv[1]))
store.disk = lambda: (2**50, 2**50)
import ostler.store.writing as writing
writing.Pen.write = lambda self, buffer, count, at: None
source = Source()
plan = pull.plan(refs.parse("acme/big"), source, store)
try:
    pull.carry_out(plan, source, store)
except BaseException as error:
    assert isinstance(error, SystemExit), error
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's, too
print(1024 * int(status.partition("VmHWM:")[2].split()[0]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_memory_is_bounded_whatever_the_size(tmp_path: Path) -> None:
    words = [sys.executable, "-c", MEMORY, str(tmp_path / "home")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150 * 10**6
