"""The power goes at any step: what was not synced is gone, and nothing wrong has a right name.

Each act runs in a process of its own on an ext4 of its own. At its n-th step, told by Python's
audit events, the file system is shut down without its journal, as by a pulled plug. After the next
mount every content has its hash, and a second run ends the act.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.verbs import disks
from tests.verbs.keeping import keep, whole

from ostler.core import refs
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import HubUnreachable
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.testing.faults import Answer, CutAfter
from ostler.verbs import backup, bundle, pull, repair, restore
from ostler.verbs.unbundle import Incoming
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
REPO, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
CONTENT = b"GGUF" + Random(7).randbytes(2 * BLOCK + 996)
DAMAGED = (BLOCK + 500, 2 * BLOCK + 3)
ACTS = ("first", "resume", "repair", "bundle", "restore")
MOMENTS = 3  # the end, and two on the way
LATER = 10**6  # a step that no act has: it ends before
DISK = 96 * 2**20  # bytes
QUICK = Patience(attempts=2, first=0.01)
STEPS = {
    *("os.mkdir", "os.rename", "os.symlink", "os.link", "os.remove", "os.chmod", "os.truncate"),
    *("fcntl.flock", "open", "test.progress"),
}


def do(act: str, disk: Path, address: str) -> None:
    """Carry one act out on this disk; a second time it goes on where the power went."""
    store, shelf = Store(disk / "home"), Shelf(disk / "shelf")
    if act == "bundle":
        incoming = Incoming(io.BytesIO((disk / "x.tar").read_bytes()))
        incoming.carry_out(incoming.plan(store), store)
    elif act == "restore":
        restore.carry_out(restore.plan(store, shelf, shelf.snapshots()[-1]), store, shelf)
    else:
        with closing(HuggingFace(address, patience=QUICK)) as source:
            fetch(act, store, source)


def fetch(act: str, store: Store, source: HuggingFace) -> None:
    def report(event: object) -> None:
        sys.audit("test.progress")

    if act == "repair":
        for manifest in store.manifests():
            files = repair.plan(manifest, verify(store, manifest))
            repair.carry_out(manifest, files, source, store, report=report, patience=QUICK)
    else:
        plan = pull.plan(refs.parse(REPO), source, store)
        pull.carry_out(plan, source, store, report=report, patience=QUICK)


def prepare(act: str, disk: Path, hub: Hub) -> None:
    store, shelf = Store(disk / "home"), Shelf(disk / "shelf")
    if act in ("bundle", "restore"):
        origin = Store(disk / "origin")
        manifest = keep(origin)
        backup.carry_out(backup.plan(origin, shelf), origin, shelf)
        with open(disk / "x.tar", "wb") as out:
            bundle.carry_out(bundle.plan([manifest]), origin, out)
        return
    with closing(HuggingFace(hub.address, patience=QUICK)) as source:
        if act == "resume":
            hub.faults.add(f"*/{FILE}", CutAfter(BLOCK + 100), times=1)
            hub.faults.add(f"*/{FILE}", Answer(503))
            with pytest.raises(HubUnreachable):
                fetch(act, store, source)
            hub.faults.clear()
        if act == "repair":
            fetch("first", store, source)
            blob = store.blob_path(hashlib.sha256(CONTENT).hexdigest())
            damaged = bytearray(CONTENT)
            for at in DAMAGED:
                damaged[at] ^= 1
            blob.chmod(0o600)
            blob.write_bytes(damaged)
            blob.chmod(0o444)


def main(act: str, disk: str, address: str, cut_at: str) -> None:
    """The child: act, and lose power at this step, or at the end; print how many steps."""
    count, over = 0, False

    def watch(event: str, words: tuple[object, ...]) -> None:
        nonlocal count, over
        if over or event not in STEPS or (event == "open" and not str(words[0]).startswith(disk)):
            return
        count += 1
        if count == int(cut_at):
            over = True
            fall()

    def fall() -> None:
        disks.power_cut(Path(disk))
        os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    do(act, Path(disk), address)
    over = True
    print(count, flush=True)
    fall()


def child(act: str, disk: Path, hub: Hub, cut_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.verbs.test_power_cut", act, str(disk), hub.address,
         str(cut_at)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip


@contextmanager
def on_disk(image: Path, place: Path) -> Iterator[Path]:
    with disks.mounted(place, "-o", "loop", str(image)) as disk:
        yield disk


@pytest.mark.parametrize("act", ACTS)
def test_the_power_goes_at_any_moment(hub: Hub, tmp_path: Path, act: str) -> None:
    hub.path(f"{REPO}/{FILE}").write_bytes(CONTENT)
    pristine = disks.image(tmp_path / "pristine", "ext4", DISK)
    place = tmp_path / "disk"
    with on_disk(pristine, place) as disk:
        prepare(act, disk, hub)
    hub.faults.clear()
    image, steps = tmp_path / "image", 0
    for moment in range(MOMENTS):
        subprocess.run(["cp", "--sparse=always", str(pristine), str(image)], check=True)
        cut_at = 1 + (2 * moment - 1) * steps // (2 * MOMENTS - 2) if moment else LATER
        with on_disk(image, place) as disk:
            run = child(act, disk, hub, cut_at)
            assert run.returncode == -signal.SIGKILL, run.stderr
        with on_disk(image, place) as disk:
            store = Store(disk / "home")
            what_is_named_is_right(act, store)
            if moment == 0:  # it was said to be done, so it must be there
                assert store.manifests()
                steps = int(run.stdout)
                assert steps > 10
            proven = store.partials.size(hashlib.sha256(CONTENT).hexdigest())
            hub.faults.clear()
            do(act, disk, hub.address)
            assert all(at >= proven for at in asked(hub)), (proven, asked(hub))
            (manifest,) = store.manifests()
            assert verify(store, manifest) == ()
            assert whole(store, manifest)
            assert store.partials.names() == []


def what_is_named_is_right(act: str, store: Store) -> None:
    for sha256, _ in store.blobs.all():
        content = store.blob_path(sha256).read_bytes()
        if act == "repair" and len(content) == len(CONTENT):
            pairs = zip(*(_blocks(one) for one in (content, CONTENT)), strict=True)
            wrong = {at for at, (one, other) in enumerate(pairs) if one != other}
            assert wrong <= {at // BLOCK for at in DAMAGED}
        else:
            assert hashlib.sha256(content).hexdigest() == sha256


def _blocks(content: bytes) -> list[bytes]:
    return [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]


def asked(hub: Hub) -> list[int]:
    requests = hub.faults.asked(f"*/{FILE}", "GET")
    ranges = [request.headers.get("range", "bytes=0-") for request in requests]
    return [int(one.removeprefix("bytes=").partition("-")[0]) for one in ranges]


if __name__ == "__main__":
    main(*sys.argv[1:])
