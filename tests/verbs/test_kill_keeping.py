"""SIGKILL at any step of what moves kept models: whole here or there, and a second run ends it.

The child kills itself at its n-th step, told by Python's audit events, as in test_kill.py.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.verbs.keeping import CONTENTS, keep, whole, write

from ostler.core import refs
from ostler.core.policy import Policy
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import adopt, archive, backup, bundle, gc, intake, remove, restore, undo
from ostler.verbs.unbundle import Incoming

REF = refs.parse("acme/tiny")
STEPS = {
    *("os.mkdir", "os.rename", "os.symlink", "os.link", "os.remove", "os.chmod", "os.truncate"),
    *("fcntl.flock", "fcntl.ioctl", "shutil.rmtree", "open"),
}


def do(act: str, root: Path) -> None:
    """Carry one act out; a second time it goes on where the first was killed."""
    store, shelf, fresh = Store(root / "home"), Shelf(root / "shelf"), Store(root / "fresh")
    if act == "archive" and store.manifests():
        archive.carry_out(archive.plan(REF, store, shelf), store, shelf)
    elif act == "unarchive" and shelf.models.all():
        archive.bring_back(archive.plan_back(REF, fresh, shelf), fresh, shelf)
    elif act == "backup":
        backup.carry_out(backup.plan(store, shelf), store, shelf, keep=1)
    elif act == "restore":
        restore.carry_out(restore.plan(fresh, shelf, shelf.snapshots()[-1]), fresh, shelf)
    elif act == "bundle":
        incoming = Incoming(io.BytesIO((root / "x.tar").read_bytes()))
        incoming.carry_out(incoming.plan(fresh), fresh)
    elif act == "move" and (root / "folder" / "config.json").exists():
        for one in adopt.plan(root / "folder", REF, None, Policy()):
            adopt.carry_out(one, fresh, "move")
    elif act == "rm" and store.manifests():
        remove.carry_out(remove.plan(REF, store), store)
    elif act == "undo" and store.trash.entries():
        undo.carry_out(undo.plan(store), store)


def prepare(act: str, root: Path) -> None:
    store, shelf = Store(root / "home"), Shelf(root / "shelf")
    manifest = keep(store)
    if act == "unarchive":
        archive.carry_out(archive.plan(REF, store, shelf), store, shelf)
    if act == "restore":
        backup.carry_out(backup.plan(store, shelf), store, shelf)
    if act == "bundle":
        with open(root / "x.tar", "wb") as out:
            bundle.carry_out(bundle.plan([manifest]), store, out)
    if act == "move":
        write(root / "folder")
    if act == "undo":
        remove.carry_out(remove.plan(REF, store), store)


def whole_somewhere(root: Path) -> bool:
    """Say whether all bytes are proven in some place that names them; none may name bad ones."""
    shelf, found = Shelf(root / "shelf"), 0
    for store in (Store(root / "home"), Store(root / "fresh")):
        for manifest in [*store.manifests(), *store.trash.manifests()]:
            found += whole(store, manifest)
    for manifest in shelf.manifests():
        for file in manifest.files:
            intake.prove(shelf.blobs.path(file.sha256), file)
        found += 1
    return found > 0


def main(act: str, root: str, die_at: str) -> None:
    """The child: act, and die at this step; print how many steps the whole has."""
    count = 0

    def watch(event: str, words: tuple[object, ...]) -> None:
        nonlocal count
        if event in STEPS and (event != "open" or str(words[0]).startswith(root)):
            count += 1
            if count == int(die_at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    do(act, Path(root))
    print(count)


def child(act: str, root: Path, die_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.verbs.test_kill_keeping", act, str(root), str(die_at)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip


ACTS = ("archive", "unarchive", "backup", "restore", "bundle", "move", "rm", "undo")


@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_moment(tmp_path: Path, act: str) -> None:
    pristine = tmp_path / "pristine"
    prepare(act, pristine)
    once = tmp_path / "once"
    shutil.copytree(pristine, once, symlinks=True)
    done = child(act, once, 0)
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > 20
    for moment in range(3):
        root = tmp_path / str(moment)
        shutil.copytree(pristine, root, symlinks=True)
        died = child(act, root, 1 + (2 * moment + 1) * (steps - 1) // 6)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert whole_somewhere(root) or act == "move"
        if act == "move" and not Store(root / "fresh").manifests():
            for path, content in CONTENTS.items():
                assert (root / "folder" / path).read_bytes() == content
        do(act, root)
        assert whole_somewhere(root)
        assert state(root) == state(once), (act, moment)


def state(root: Path) -> dict[str, list[str]]:
    """What each place holds, by what it names; times and drafts aside."""
    shelf = Shelf(root / "shelf")
    found = {"shelf": [f"{m.name}" for m in shelf.manifests()]}
    for name in ("home", "fresh"):
        store = Store(root / name)
        gc.carry_out(
            gc.plan(store, 7.0, force=not store.manifests()), store, 7.0
        )  # what a kill left is garbage, and no more
        found[name] = [m.name for m in store.manifests()]
        found[f"{name} blobs"] = sorted(sha256 for sha256, _ in store.blobs.all())
        found[f"{name} trash"] = sorted({m.name for m in store.trash.manifests()})
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
