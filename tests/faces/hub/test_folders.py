"""A plain folder as repositories: commits follow content, hashes are computed once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ostler.errors import UsageError
from ostler.faces.hub.folders import FolderRepos


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "hub/acme/one/sub").mkdir(parents=True)
    (tmp_path / "hub/acme/one/model.gguf").write_bytes(b"GGUF")
    (tmp_path / "hub/acme/one/sub/config.json").write_bytes(b"{}")
    return tmp_path / "hub"


def commit(root: Path) -> str:
    repo = FolderRepos(root).find("acme/one")
    assert repo is not None
    return repo.main.commit


def test_the_commit_follows_from_paths_and_bytes_alone(root: Path) -> None:
    first = commit(root)
    os.utime(root / "acme/one/model.gguf", (1, 1))
    assert commit(root) == first
    (root / "acme/one/.hidden").write_text("x")
    (root / "acme/one/empty").mkdir()
    assert commit(root) == first
    (root / "acme/one/sub/config.json").rename(root / "acme/one/config.json")
    moved = commit(root)
    assert moved != first
    (root / "acme/one/model.gguf").write_bytes(b"GGUf")
    assert commit(root) not in (first, moved)


def test_one_source_sees_each_change_at_once(root: Path) -> None:
    repos = FolderRepos(root)
    seen = [repos.find("acme/one")]
    (root / "acme/one/new.txt").write_text("new")
    seen.append(repos.find("acme/one"))
    (root / "acme/one/new.txt").write_text("newer")
    seen.append(repos.find("acme/one"))
    assert len({repo.main.commit for repo in seen if repo}) == 3


def test_weights_and_big_files_are_large_others_are_not(root: Path) -> None:
    with (root / "acme/one/big.txt").open("wb") as file:
        file.truncate(10 * 1024 * 1024)
    repo = FolderRepos(root).find("acme/one")
    assert repo is not None
    large = {path for path, file in repo.main.files.items() if file.sha256}
    assert large == {"big.txt", "model.gguf"}
    assert repo.main.files["model.gguf"].etag == hashlib.sha256(b"GGUF").hexdigest()


def test_hashes_are_remembered_across_restarts(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "state/hashes.json"
    file = root / "acme/one/model.gguf"
    first = FolderRepos(root, memory).find("acme/one")
    stat = file.stat()
    file.write_bytes(b"gguf")  # other bytes that only a second reading could tell
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = FolderRepos(root, memory).find("acme/one")
    assert first is not None
    assert second is not None
    assert first.main.commit == second.main.commit
    os.utime(file, (1, 1))
    third = FolderRepos(root, memory).find("acme/one")
    assert third is not None
    assert third.main.commit != first.main.commit


@pytest.mark.parametrize("damage", ["", "[]", '{"a": 1}', '{"a": [[1, 2], "b"]}'])
def test_a_damaged_memory_is_forgotten(root: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "hashes.json").write_text(damage)
    repo = FolderRepos(root, tmp_path / "hashes.json").find("acme/one")
    assert repo
    assert repo.main.commit == commit(root)


def test_prepare_names_each_repository(root: Path) -> None:
    (root / "acme/two").mkdir()
    names: list[str] = []
    FolderRepos(root).prepare(names.append)
    assert names == ["acme/one", "acme/two"]


@pytest.mark.parametrize("notes", ["{", '{"gated": "perhaps"}', '{"typo": 1}', "[]"])
def test_malformed_notes_are_said_at_the_start(root: Path, notes: str) -> None:
    (root / "acme/one/.hub.json").write_text(notes)
    with pytest.raises(UsageError, match=r"\.hub\.json is malformed"):
        FolderRepos(root).prepare()


def test_a_link_out_of_the_folder_is_not_followed_even_if_it_leads_back(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/back.json").symlink_to(root / "acme/one/sub/config.json")
    (root / "acme/one/linked").symlink_to(tmp_path / "outside")
    (root / "acme/linked").symlink_to(tmp_path / "outside")
    (root / "linked").symlink_to(tmp_path)
    repos = FolderRepos(root)
    assert repos.names() == ["acme/one"]
    repo = repos.find("acme/one")
    assert repo is not None
    assert list(repo.main.files) == ["model.gguf", "sub/config.json"]


@pytest.mark.parametrize("folder", ["..", "../two", "../../../outside", "/etc", "link"])
def test_a_tag_leads_nowhere_outside_of_its_repository(
    root: Path, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "acme/two").mkdir()
    (root / "acme/one/link").symlink_to(root / "acme/two")
    (root / "acme/one/.hub.json").write_text(f'{{"refs": {{"v1": "{folder}"}}}}')
    with pytest.raises(UsageError, match="outside of its repository"):
        FolderRepos(root).find("acme/one")


def test_a_tag_may_be_the_repository_as_it_is(root: Path) -> None:
    (root / "acme/one/.hub.json").write_text('{"refs": {"v2": ""}}')
    repo = FolderRepos(root).find("acme/one")
    assert repo is not None
    assert repo.tags["v2"] == repo.branches["main"]


def test_what_cannot_be_read_is_named(root: Path) -> None:
    (root / "acme/one/.hub.json").mkdir()
    with pytest.raises(UsageError, match=r"acme/one/\.hub\.json cannot be read: Is a directory"):
        FolderRepos(root).prepare()


def test_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        FolderRepos(tmp_path / "nothing")
