"""Every source passes the suite that an author of another one would import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostler.core.patience import Patience
from ostler.core.refs import parse
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.kept import KeptRepos
from ostler.nouns import ModelRef
from ostler.sources.folder import Folder
from ostler.sources.git import GitRemote
from ostler.sources.huggingface import HuggingFace
from ostler.sources.modelscope import ModelScope
from ostler.store import Store
from ostler.testing.faults import Answer, CutAfter, Faults, IgnoreRange
from ostler.testing.server import running
from ostler.testing.sources import Given, SourceContract
from ostler.verbs import pull

NOBODY = "http://127.0.0.1:1"
QUICK = Patience(attempts=2, first=0.01)
NAME = "acme/tiny-GGUF"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by path, as a hub would serve them."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def fault(faults: Faults, pattern: str, make: Callable[..., Any]) -> Callable[..., None]:
    """Return what adds a fault to the next answer for a file, whose path fits the pattern."""

    def add(path: str, *how: int) -> None:
        faults.add(pattern.format(path=path), make(*how), times=1)

    return add


class PulledWhole(SourceContract):
    """The suite, and the whole way into a store."""

    def test_a_pull_keeps_it_and_a_second_fetches_nothing(
        self, given: Given, tmp_path: Path
    ) -> None:
        """The whole way: planned, fetched, verified, registered."""
        store = Store(tmp_path / "home-of-the-pull")
        options = pull.Options(everything=True)
        plan = pull.plan(given.ref, given.source, store, options)
        manifest = pull.carry_out(plan, given.source, store)
        assert {file.path for file in manifest.files} == set(given.files)
        for file in manifest.files:
            assert store.blob_path(file.sha256).read_bytes() == given.files[file.path]
        assert pull.plan(given.ref, given.source, store, options).fetch == ()


class TestHuggingFace(PulledWhole):
    """The Hub, or a mirror of it."""

    @pytest.fixture
    def given(self, hub: Any) -> Iterator[Given]:
        evil = {
            "id": "acme/evil",
            "sha": "1" * 40,
            "siblings": [{"rfilename": "../../up.bin", "size": 1, "blobId": "0" * 40}],
        }
        hub.faults.add("/api/models/acme/evil*", Answer(200, {}, json.dumps(evil).encode()))
        with ExitStack() as stack:

            def at(address: str) -> HuggingFace:
                return stack.enter_context(closing(HuggingFace(address, patience=QUICK)))

            source = at(hub.address)
            yield Given(
                source,
                ModelRef(NAME),
                contents(hub.root / NAME),
                absent=(source, ModelRef("acme/none")),
                unsafe=(source, ModelRef("acme/evil")),
                gated=(source, ModelRef("acme/gated")),
                dead=(at(NOBODY), ModelRef(NAME)),
                cut=fault(hub.faults, "*/resolve/*/{path}", CutAfter),
                ignore_range=fault(hub.faults, "*/resolve/*/{path}", IgnoreRange),
            )


class TestAnotherOstler(PulledWhole):
    """Another machine's store, through its hub; it is the same source."""

    @pytest.fixture
    def given(self, hub: Any, tmp_path: Path) -> Iterator[Given]:
        store = Store(tmp_path / "other")
        with closing(HuggingFace(hub.address, patience=QUICK)) as source:
            options = pull.Options(everything=True)
            for name in (NAME, "acme/tiny"):
                plan = pull.plan(ModelRef(name), source, store, options)
                pull.carry_out(plan, source, store)
        faults = Faults(hub_app(KeptRepos(store)))
        evil = {
            "sha": "1" * 40,
            "siblings": [{"rfilename": "/etc/x", "size": 1, "blobId": "0" * 40}],
        }
        faults.add("/api/models/a/b*", Answer(200, {}, json.dumps({"id": "a/b"} | evil).encode()))
        with running(faults) as address, closing(HuggingFace(address, patience=QUICK)) as other:
            yield Given(
                other,
                ModelRef(NAME),
                contents(hub.root / NAME),
                absent=(other, ModelRef("acme/none")),
                unsafe=(other, ModelRef("a/b")),
                cut=fault(faults, "*/resolve/*/{path}", CutAfter),
                ignore_range=fault(faults, "*/resolve/*/{path}", IgnoreRange),
            )


class TestModelScope(PulledWhole):
    """ModelScope, by the two routes that its own client uses."""

    @pytest.fixture
    def given(self, hub: Any) -> Iterator[Given]:
        entry = {"Path": "a/../../up.bin", "Type": "blob", "Size": 1, "Sha256": "0" * 64}
        evil = json.dumps({"Data": {"Files": [entry]}}).encode()
        hub.faults.add("/api/v1/models/acme/evil*", Answer(200, {}, evil))
        with ExitStack() as stack:

            def at(address: str) -> ModelScope:
                return stack.enter_context(closing(ModelScope(address)))

            source = at(hub.address)
            yield Given(
                source,
                parse(f"ms:{NAME}"),
                contents(hub.root / NAME),
                absent=(source, parse("ms:acme/none")),
                unsafe=(source, parse("ms:acme/evil")),
                gated=(source, parse("ms:acme/gated")),
                dead=(at(NOBODY), parse(f"ms:{NAME}")),
                cut=fault(hub.faults, "*/repo", CutAfter),
                ignore_range=fault(hub.faults, "*/repo", IgnoreRange),
            )


class TestFolder(PulledWhole):
    """A folder on this machine: no line that could be cut, and no owner to ask."""

    @pytest.fixture
    def given(self, hub_root: Path, tmp_path: Path) -> Given:
        place = tmp_path / "models" / NAME
        shutil.copytree(hub_root / NAME, place)
        linked = tmp_path / "models/acme/linked"
        linked.mkdir()
        os.symlink("/etc/passwd", linked / "config.json")
        nowhere = parse(f"folder:{tmp_path}/models/no/where")
        bad = parse(f"folder:{linked}")
        return Given(
            Folder(str(place)),
            parse(f"folder:{place}"),
            contents(place),
            absent=(Folder(nowhere.place or ""), nowhere),
            unsafe=(Folder(bad.place or ""), bad),
        )

    @pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("..", path)])
    def test_only_files_count(self, given: Given, make: Any, tmp_path: Path) -> None:
        make(tmp_path / "models" / NAME / "odd")
        with pytest.raises(Exception, match="odd in the folder is refused"):
            given.source.listing(given.ref)

    def test_a_link_put_there_later_is_not_followed(self, given: Given, tmp_path: Path) -> None:
        listing = given.source.listing(given.ref)
        path = tmp_path / "models" / NAME / "README.md"
        path.unlink()
        path.symlink_to("/etc/passwd")
        file = next(one for one in listing.files if one.path == "README.md")
        with pytest.raises(Exception, match="is refused"), given.source.open(listing, file):
            pass


@needs_git
class TestGit(PulledWhole):
    """A git remote with LFS: our hub speaks to git, so it can be one."""

    @pytest.fixture
    def given(self, hub: Any, tmp_path: Path) -> Iterator[Given]:
        with ExitStack() as stack:

            def at(url: str) -> tuple[GitRemote, ModelRef]:
                return stack.enter_context(closing(GitRemote(url))), parse(f"git:{url}")

            source, ref = at(f"{hub.address}/{NAME}")
            files = contents(hub.root / NAME)
            listed = {file.path for file in source.listing(ref).files}
            assert listed - set(files) == {".gitattributes"}
            attributes = b"".join(
                b"/%s filter=lfs diff=lfs merge=lfs -text\n" % path.encode()
                for path in sorted(files)
                if path.endswith(".gguf")
            )
            yield Given(
                source,
                ref,
                files | {".gitattributes": attributes},
                absent=at(f"{hub.address}/acme/none"),
                unsafe=at(f"file://{repository_with_a_link(tmp_path / 'linked')}"),
                gated=at(f"{hub.address}/acme/gated"),
                dead=at(f"{NOBODY}/{NAME}"),
                cut=fault(hub.faults, "*/resolve/*/{path}", CutAfter),
                ignore_range=fault(hub.faults, "*/resolve/*/{path}", IgnoreRange),
            )

    def test_a_clone_on_this_machine_with_its_large_files(
        self, given: Given, tmp_path: Path
    ) -> None:
        clone = tmp_path / "clone"
        url = given.ref.place or ""
        subprocess.run(["git", "clone", "-q", url, clone], check=True, env=quiet())
        listing = given.source.listing(given.ref)
        with closing(GitRemote(f"file://{clone}")) as local:
            again = local.listing(replace(given.ref, place=f"file://{clone}"))
            assert again.files == listing.files
            large = next(file for file in again.files if file.sha256)
            with pytest.raises(Exception, match="has no bytes of the large file"):
                local.open(again, large).__enter__()
            oid = large.sha256 or ""
            place = clone / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
            place.parent.mkdir(parents=True)
            place.write_bytes(given.files[large.path])
            with local.open(again, large, 10) as body:
                assert (body.start, b"".join(body.chunks())) == (10, given.files[large.path][10:])


def repository_with_a_link(place: Path) -> Path:
    place.mkdir()
    os.symlink("/etc/passwd", place / "config.json")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "a link"]):
        subprocess.run(["git", "-C", place, *words], check=True, env=quiet())
    return place


def quiet() -> dict[str, str]:
    return {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def test_a_hub_of_folders_is_a_git_remote_under_its_own_commit(hub_root: Path) -> None:
    """Where nothing has to be added for LFS, the clone's commit is the hub's."""
    from ostler.faces.hub.clones import clone

    (hub_root / "acme/plain").mkdir()
    (hub_root / "acme/plain/README.md").write_text("no large files")
    repo = FolderRepos(hub_root).find("acme/plain")
    assert repo
    assert clone(repo.main).commit == repo.main.commit
