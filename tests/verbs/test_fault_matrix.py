"""What can go wrong x where it happens: the store is clean after it, the second try finishes.

Each cell has a real hub on a socket; those that kill have real processes. No byte that a mark or a
block hash had proven is asked for again. Where each cell is (M this module, B test_bundle.py, K
test_fault_keeping.py, 9 test_kill.py and test_kill_keeping.py, P test_power_cut.py):

| fault                | first | resume | repair | bundle import | restore |
|----------------------|-------|--------|--------|---------------|---------|
| cut                  | M     | M      | M      | B             | K (a)   |
| stall                | M     | M      | M      | K             | (b)     |
| short                | M     | M      | M      | B             | K (a)   |
| 200 for 206          | M     | M      | M      | (c)           | (c)     |
| changed file         | M     | M      | M      | B             | K       |
| flipped byte         | M     | M      | M      | B             | K       |
| 429, 503             | M     | M      | M      | (c)           | (c)     |
| redirect             | M     | M      | M      | (c)           | (c)     |
| kill -9              | M, 9  | M      | M      | 9             | 9       |
| power cut            | M, P  | M, P   | M, P   | P             | P       |
| disk full            | M     | M      | M      | K             | K       |
| two at once          | M     | M      | M      | K             | K       |
| sweep during it      | M     | M      | M      | K             | K       |

(a) a copy in the backup that is shorter than it was; a local file ends no other way.
(b) a disk that stops answering stops the process in the kernel; nothing of ours runs then.
(c) no HTTP: a bundle is a stream, a backup a folder.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.verbs import disks

from ostler.core import refs
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import Busy, ChecksumMismatch, HubUnreachable, InsufficientDisk, OstlerError
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.sources.huggingface import HuggingFace
from ostler.sources.huggingface import hub as hub_module
from ostler.store import Store
from ostler.testing.faults import (
    Answer,
    CutAfter,
    Faults,
    FlipByte,
    IgnoreRange,
    RedirectTo,
    ReplaceHeader,
    Stall,
)
from ostler.testing.server import running
from ostler.verbs import pull, repair
from ostler.verbs.progress import Progress, Step
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
REPO, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
SIZE = 2 * BLOCK + 1000
BAD = BLOCK + 500  # the byte that goes wrong; in the second of three blocks, not here in "resume"
QUICK = Patience(attempts=4, first=0.01)
MODES = ("first", "resume", "repair")


async def short(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """End an answer of unknown length early, and politely."""
    left = BLOCK + 7

    async def cut(message: Any) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            headers = [one for one in message["headers"] if one[0] != b"content-length"]
            await send({**message, "headers": headers})
        elif left >= 0:
            body = message.get("body", b"")[:left]
            left -= len(body)
            more = bool(left) and message.get("more_body", False)
            await send({"type": "http.response.body", "body": body, "more_body": more})
            left = left if more else -1

    await app(scope, receive, cut)


@dataclass
class Cell:
    """A store in the state that a mode begins in, and how its work is done."""

    hub: Hub
    store: Store
    mode: str
    source: HuggingFace
    content: bytes

    @property
    def key(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def work(self, **options: Any) -> None:
        """Pull, or repair what is damaged."""
        if self.mode == "repair":
            for manifest in self.store.manifests():
                files = repair.plan(manifest, verify(self.store, manifest))
                repair.carry_out(manifest, files, self.source, self.store, patience=QUICK)
        else:
            plan = pull.plan(refs.parse(REPO), self.source, self.store)
            pull.carry_out(plan, self.source, self.store, patience=QUICK, **options)

    def asked(self) -> list[int]:
        """The offsets that FILE was asked for from."""
        requests = self.hub.faults.asked(f"*/{FILE}", "GET")
        ranges = [request.headers.get("range", "bytes=0-") for request in requests]
        return [int(one.removeprefix("bytes=").partition("-")[0]) for one in ranges]

    def finish(self) -> None:
        """The second try: it finishes, asks for no proven byte, and leaves the store clean."""
        proven = self.store.partials.size(self.key)
        damaged = self.damaged() if self.mode == "repair" else set()
        self.hub.faults.clear()
        self.work()
        if self.mode == "repair":
            assert set(self.asked()) <= damaged
        else:
            assert all(at >= proven for at in self.asked())
        self.is_clean()

    def damaged(self) -> set[int]:
        blob = self.store.blob_path(self.key).read_bytes()
        return {
            at for at in range(0, SIZE, BLOCK) if blob[at : at + BLOCK] != self.content[at:][:BLOCK]
        }

    def is_clean(self) -> None:
        (manifest,) = self.store.manifests()
        assert verify(self.store, manifest) == ()
        assert (self.store.folder(manifest) / FILE).read_bytes() == self.content
        assert self.store.partials.names() == []
        assert list((self.store.home / "partial").iterdir()) == []
        assert self.store.downloads.all() == []
        assert self.store.sweep() == 0


@pytest.fixture
def cell(hub: Hub, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cell]:
    with prepared(hub, Store(tmp_path / "home"), request.param) as one:
        yield one


@contextmanager
def prepared(hub: Hub, store: Store, mode: str) -> Iterator[Cell]:
    content = b"GGUF" + Random(7).randbytes(SIZE - 4)
    hub.path(f"{REPO}/{FILE}").write_bytes(content)
    with closing(HuggingFace(hub.address, hub.token, patience=QUICK)) as source:
        one = Cell(hub, store, mode, source, content)
        if mode == "resume":
            hub.faults.add(f"*/{FILE}", CutAfter(BLOCK + 100), times=1)
            hub.faults.add(f"*/{FILE}", Answer(503))
            with pytest.raises(HubUnreachable):
                one.work()
            assert store.partials.size(one.key) == BLOCK + 100
        if mode == "repair":
            Cell(hub, store, "first", source, content).work()
            damage(store.blob_path(one.key), BAD)
        hub.faults.clear()
        yield one


def damage(blob: Path, *places: int) -> None:
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        for at in places:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))
    blob.chmod(0o444)


FAULTS: dict[str, Callable[[], list[tuple[Any, int | None]]]] = {
    "cut": lambda: [(CutAfter(BLOCK + 1000), 1), (CutAfter(5), 1)],
    "short": lambda: [(short, 1)],
    "200 for 206": lambda: [(IgnoreRange(), None)],
    "changed": lambda: [(ReplaceHeader("X-Linked-Etag", f'"{"0" * 64}"'), None)],
    "flipped": lambda: [(FlipByte(BAD), None)],
    "flipped once": lambda: [(FlipByte(BAD), 1)],
    "429": lambda: [(Answer(429, {"Retry-After": "0"}), 2)],
    "503": lambda: [(Answer(503), 3)],
    "503 for long": lambda: [(CutAfter(1000), 1), (Answer(503), None)],
    "other length": lambda: [(Answer(200, body=b"<html>a captive portal"), None)],
}
ALWAYS_WRONG = {"changed", "flipped", "503 for long", "other length"}
NEVER_WRONG = {"cut", "short", "200 for 206", "429", "503"}  # ridden out without an error


@pytest.mark.parametrize("cell", MODES, indirect=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_hub_that_misbehaves(cell: Cell, fault: str) -> None:
    for one, times in FAULTS[fault]():
        cell.hub.faults.add(f"*/{FILE}", one, times=times)
    if fault in NEVER_WRONG:
        cell.work()
        cell.is_clean()
    elif fault in ALWAYS_WRONG:
        with pytest.raises((ChecksumMismatch, HubUnreachable)):
            cell.work()
    else:
        with suppress(ChecksumMismatch):
            cell.work()
    cell.finish()


@pytest.mark.parametrize("cell", MODES, indirect=True)
def test_a_stall(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "READ_TIMEOUT", 1.0)
    cell.hub.faults.add(f"*/{FILE}", Stall(after=1000), times=1)
    with closing(HuggingFace(cell.hub.address, patience=QUICK)) as cell.source:
        cell.work()
        cell.is_clean()


@pytest.mark.parametrize("cell", MODES, indirect=True)
def test_a_redirect_to_another_host_gets_no_token(cell: Cell) -> None:
    other = Faults(hub_app(FolderRepos(cell.hub.root)))
    with running(other) as elsewhere:
        cell.hub.faults.add(f"*/{FILE}", RedirectTo(elsewhere))
        cell.work()
    cell.is_clean()
    assert other.asked(f"*/{FILE}")
    assert all("authorization" not in request.headers for request in other.requests)
    assert all("authorization" in one.headers for one in cell.hub.faults.asked(f"*/{FILE}"))


PROCESS = """
import sys
from pathlib import Path
from ostler.core import refs
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import pull, repair
from ostler.verbs.verify import verify

address, home, ref, mode = sys.argv[1:]
source, store = HuggingFace(address), Store(Path(home))
if mode == "repair":
    for manifest in store.manifests():
        files = repair.plan(manifest, verify(store, manifest))
        print("damaged", flush=True)
        repair.carry_out(manifest, files, source, store)
else:
    pull.carry_out(pull.plan(refs.parse(ref), source, store), source, store)
"""


def process(cell: Cell) -> subprocess.Popen[bytes]:
    words = [cell.hub.address, str(cell.store.home), REPO, cell.mode]
    return subprocess.Popen([sys.executable, "-c", PROCESS, *words], stdout=subprocess.PIPE)


@pytest.mark.parametrize("cell", MODES, indirect=True)
def test_kill_9(cell: Cell) -> None:
    if cell.mode == "repair":  # two blocks are damaged: one is mended, the other under way
        damage(cell.store.blob_path(cell.key), 2 * BLOCK + 3)
    at = 1000 if cell.mode == "repair" else BLOCK - 200
    stall = Stall(after=at)
    if cell.mode == "repair":
        cell.hub.faults.add(f"*/{FILE}", lambda app, *rest: app(*rest), times=1)
        stall = Stall(after=10)
    cell.hub.faults.add(f"*/{FILE}", stall, times=1)
    with process(cell) as child:
        assert stall.reached.wait(30)
        child.kill()
        child.wait()
    if cell.mode == "repair":
        assert cell.damaged() == {2 * BLOCK}
    cell.finish()


@pytest.mark.parametrize("cell", ["first", "resume"], indirect=True)
def test_a_power_cut_that_loses_what_was_not_synced(cell: Cell) -> None:
    cell.hub.faults.add(f"*/{FILE}", CutAfter(BLOCK + 300), times=1)
    cell.hub.faults.add(f"*/{FILE}", Answer(503))
    with pytest.raises(HubUnreachable):
        cell.work()
    part = cell.store.home / "partial" / f"{cell.key}.part"
    marks = part.with_suffix(".marks")
    length = part.stat().st_size
    with part.open("r+b") as file:  # the file's length was written, its last pages were not
        file.seek(BLOCK)
        file.write(bytes(length - BLOCK))
    marks.write_bytes(marks.read_bytes()[:-20])  # and half a line of the journal
    cell.hub.faults.clear()
    cell.work()
    assert cell.asked() == [BLOCK]
    cell.is_clean()


@pytest.mark.parametrize("cell", ["repair"], indirect=True)
def test_a_power_cut_in_a_repair(cell: Cell) -> None:
    """Half of the new block reached the disk."""
    blob = cell.store.blob_path(cell.key)
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        file.seek(BLOCK + BLOCK // 2)
        file.write(bytes(BLOCK // 2))
    cell.finish()
    assert cell.asked() == [BLOCK]


@pytest.mark.parametrize("cell", ["repair"], indirect=True)
def test_two_repairs(cell: Cell) -> None:
    """The second had seen the damage before the first had mended it, and fetches nothing."""
    stall = Stall(after=1000)
    cell.hub.faults.add(f"*/{FILE}", stall, times=1)
    with process(cell) as first:
        assert stall.reached.wait(30)
        with process(cell) as second:
            assert second.stdout
            assert second.stdout.readline() == b"damaged\n"
            stall.released.set()
            assert (first.wait(60), second.wait(60)) == (0, 0)
    assert cell.asked() == [BLOCK]
    cell.is_clean()


@pytest.mark.parametrize("cell", ["first", "resume"], indirect=True)
def test_two_pullers(cell: Cell) -> None:
    """Two processes want the same: one fetches, the other waits and finds it done."""
    stall = Stall(after=1000)
    cell.hub.faults.add(f"*/{FILE}", stall, times=1)
    with process(cell) as first:
        assert stall.reached.wait(30)
        with process(cell) as second:
            (running_now,) = [one for one in cell.store.downloads.all() if one.running]
            assert running_now.pid == first.pid
            stall.released.set()
            assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len(cell.asked()) == 1
    cell.is_clean()


@pytest.mark.parametrize("cell", MODES, indirect=True)
def test_a_sweep_during_the_work(cell: Cell) -> None:
    stall = Stall(after=1000)
    cell.hub.faults.add(f"*/{FILE}", stall, times=1)
    worker = threading.Thread(target=cell.work)
    worker.start()
    assert stall.reached.wait(30)
    with pytest.raises(Busy):
        cell.store.sweep()
    stall.released.set()
    worker.join(60)
    cell.is_clean()


@pytest.mark.parametrize("mode", ["first", "resume"])
def test_a_full_disk_pauses_the_pull_until_there_is_room(
    hub: Hub, tmp_path: Path, mode: str
) -> None:
    with (
        disks.small(tmp_path / "disk", 32 * 2**20) as disk,
        prepared(hub, Store(disk / "home"), mode) as cell,
    ):
        ballast = disk / "ballast"
        free = cell.store.disk()[0]
        ballast.write_bytes(bytes(free - 3 * 2**20))
        paused = threading.Event()

        def report(event: Progress) -> None:
            if event.step is Step.PAUSED:
                paused.set()
                ballast.unlink(missing_ok=True)

        limits = pull.Limits(reserve=0, full_wait=20.0)
        plan = pull.plan(refs.parse(REPO), cell.source, cell.store)
        # the room is there when it is asked for, and somebody else takes it meanwhile
        cell.store.disk = lambda: (2**40, 2**40)  # type: ignore[method-assign]
        pull.carry_out(plan, cell.source, cell.store, patience=QUICK, limits=limits, report=report)
        assert paused.is_set()
        cell.is_clean()


@pytest.mark.parametrize("lost", [False, True], ids=["a block", "the whole file"])
def test_a_repair_on_a_full_disk(hub: Hub, tmp_path: Path, lost: bool) -> None:
    """A block goes where it belongs and needs no room; a lost file waits until there is some."""
    with (
        disks.small(tmp_path / "disk", 32 * 2**20) as disk,
        prepared(hub, Store(disk / "home"), "repair") as cell,
    ):
        if lost:
            cell.store.blob_path(cell.key).unlink()
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(cell.store.disk()[0] - (10 * 2**20 if lost else 0)))
        if lost:
            with pytest.raises(InsufficientDisk, match="full"):
                cell.work()
            assert cell.store.partials.size(cell.key) == BLOCK  # one fitted, and is proven
            ballast.unlink()
            hub.faults.clear()
            cell.work()
            assert cell.asked() == [BLOCK]
        else:
            cell.work()
            assert cell.asked() == [BLOCK]
        cell.is_clean()


@pytest.mark.parametrize("cell", ["first"], indirect=True)
def test_a_refusal_on_the_way_is_told_to_other_terminals(cell: Cell) -> None:
    cell.hub.faults.add(f"*/{FILE}", Answer(500))
    with pytest.raises(OstlerError):
        cell.work()
    (left,) = cell.store.downloads.all()
    assert (left.state, left.running, left.name) == ("failed", False, REPO)
    cell.finish()
