"""SIGKILL at any step of a pull: the store stays clean, and no verified byte comes twice.

The child kills itself at its n-th step, where a step is anything it does to the disk (told by
Python's audit events) or a chunk that has arrived. So every moment can be tried, exactly.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from ostler.core import plans, refs
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.store import Store
from ostler.verbs import pull
from ostler.verbs.verify import verify

CHUNK = 16 * 1024
CONTENTS = {
    "README.md": b"# tiny",
    "config.json": b"{}",
    "tokenizer.json": b"[]",
    "model.safetensors": Random(1).randbytes(5 * CHUNK + 7),
}
REF = "acme/tiny"


class Bytes:
    """What FromMemory.open gives."""

    def __init__(self, content: bytes, start: int) -> None:
        self.content, self.start, self.size = content, start, len(content)

    def chunks(self) -> Iterator[bytes]:
        for at in range(self.start, self.size, CHUNK):
            sys.audit("test.chunk")
            yield self.content[at : at + CHUNK]


class FromMemory:
    """A source without a network, that remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def listing(self, ref: ModelRef) -> Listing:
        files = [
            RemoteFile(path, len(content), sha256=hashlib.sha256(content).hexdigest())
            if path.endswith(".safetensors")
            else RemoteFile(path, len(content), git_sha1=_git_sha1(content))
            for path, content in CONTENTS.items()
        ]
        return Listing("hf", ref.name, "c" * 40, tuple(files), revision="main")

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[Bytes]:
        self.asked.append((file.path, start))
        yield Bytes(CONTENTS[file.path], start)

    def search(self, words: str, limit: int) -> SearchResults:
        return SearchResults(())


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pull_once(source: FromMemory, store: Store) -> None:
    plan = pull.plan(refs.parse(REF), source, store)
    pull.carry_out(plan, source, store, workers=1)


STEPS = {
    *("os.mkdir", "os.rename", "os.symlink", "os.remove", "os.chmod", "os.truncate"),
    *("fcntl.flock", "open", "test.chunk"),
}


def main(home: str, die_at: str) -> None:
    """The child: pull, and die at this step; print how many steps a whole pull has."""
    import os

    count = 0

    def watch(event: str, words: tuple[object, ...]) -> None:
        nonlocal count
        if event in STEPS and (event != "open" or str(words[0]).startswith(home)):
            count += 1
            if count == int(die_at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    pull_once(FromMemory(), Store(Path(home)))
    print(count)


def run_child(home: Path, die_at: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, __file__, str(home), str(die_at)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> int:
    done = run_child(tmp_path_factory.mktemp("whole") / "home", 0)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("moment", range(8))
def test_killed_at_any_moment(tmp_path: Path, steps: int, moment: int) -> None:
    die_at = 1 + moment * (steps - 1) // 7  # from the first step to the last
    store = Store(tmp_path / "home")
    died = run_child(store.home, die_at)
    assert died.returncode == -signal.SIGKILL, died.stderr
    for manifest in store.manifests():
        assert verify(store, manifest) == ()

    source = FromMemory()
    files = source.listing(refs.parse(REF)).files
    kept = {file.path for file in files if store.kept(file)}
    begun = {file.path: store.partials.size(plans.key(file)) for file in files}
    pull_once(source, store)
    expected = {
        (path, begun[path])
        for path, content in CONTENTS.items()
        if path not in kept and begun[path] < len(content)
    }
    assert set(source.asked) == expected
    assert len(source.asked) == len(expected)
    (manifest,) = store.manifests()
    assert verify(store, manifest) == ()
    assert {file.path for file in manifest.files} == set(CONTENTS)
    assert (store.folder(manifest) / "config.json").read_bytes() == b"{}"
    assert store.sweep() == 0
    assert store.partials.names() == []


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
