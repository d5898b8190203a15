"""The unmodified client of the Hugging Face Hub takes this hub for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


@pytest.fixture
def api(hub: Any) -> HfApi:
    return HfApi(endpoint=hub.address, token=False)


@pytest.fixture
def hf(hub: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the `hf` command against the hub, in a home of its own."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"],
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        }
        command = str(Path(sys.executable).with_name("hf"))
        return subprocess.run([command, *words], env=env, capture_output=True, text=True)

    return run


def test_hf_download_verify_and_info(hf: Any, hub: Any, tmp_path: Path) -> None:
    done = hf("download", "acme/tiny", "--local-dir", str(tmp_path / "here"))
    assert done.returncode == 0, done.stderr
    for name in ("config.json", "extra/notes.txt", "model-00001-of-00002.safetensors"):
        assert (tmp_path / "here" / name).read_bytes() == hub.path(f"acme/tiny/{name}").read_bytes()
    verified = hf("cache", "verify", "acme/tiny", "--local-dir", str(tmp_path / "here"))
    assert verified.returncode == 0, verified.stderr
    assert "7 file(s)" in verified.stdout
    info = hf("models", "info", "acme/tiny")
    assert json.loads(info.stdout)["pipeline_tag"] == "text-generation"


def test_snapshot_of_main_of_its_commit_and_of_a_tag(hub: Any, api: HfApi, tmp_path: Path) -> None:
    def take(**how: Any) -> Path:
        cache = tmp_path / "cache"
        return Path(snapshot_download("acme/tiny", endpoint=hub.address, cache_dir=cache, **how))

    commit = api.model_info("acme/tiny").sha
    planned = snapshot_download(
        "acme/tiny", endpoint=hub.address, cache_dir=tmp_path / "cache", dry_run=True
    )
    assert {file.filename for file in planned} >= {"README.md", "config.json"}
    assert not hub.faults.asked("*/resolve/*", "GET")
    main = take()
    assert main.name == commit == take(revision=commit).name
    assert {p.name for p in take(revision="v1").iterdir()} == {"README.md", "config.json"}
    assert not any(p.name.startswith(".") for p in main.rglob("*"))


def test_hf_hub_download_of_one_file_in_a_folder(hub: Any, tmp_path: Path) -> None:
    place = hf_hub_download(
        "acme/tiny", "extra/notes.txt", endpoint=hub.address, cache_dir=tmp_path
    )
    assert Path(place).read_bytes() == b"in a folder"


def test_a_renamed_repository_is_found_under_its_former_name(hub: Any, api: HfApi) -> None:
    assert api.model_info("acme/Meta-tiny").id == "acme/tiny"
    assert api.get_hf_file_metadata(
        url=f"{hub.address}/acme/Meta-tiny/resolve/main/config.json"
    ).commit_hash


def test_files_and_their_hashes(api: HfApi, hub: Any) -> None:
    tree = {item.path: item for item in api.list_repo_tree("acme/tiny", recursive=True)}
    info = {s.rfilename: s for s in api.model_info("acme/tiny", files_metadata=True).siblings or []}
    assert set(info) == {path for path, item in tree.items() if hasattr(item, "blob_id")}
    assert set(tree) - set(info) == {"extra"}
    for path, sibling in info.items():
        item = tree[path]
        assert (item.size, item.blob_id) == (sibling.size, sibling.blob_id)
        assert sibling.size == hub.path(f"acme/tiny/{path}").stat().st_size
        assert (item.lfs and item.lfs.sha256) == (sibling.lfs and sibling.lfs.sha256)
        assert bool(item.lfs) == path.endswith(".safetensors")
    inside = list(api.list_repo_tree("acme/tiny", "extra", expand=True))
    assert [item.path for item in inside] == ["extra/notes.txt"]
    assert inside[0].last_commit.oid == api.model_info("acme/tiny").sha
    some = api.get_paths_info("acme/tiny", ["config.json", "extra", "absent"], expand=True)
    assert [item.path for item in some] == ["config.json", "extra"]


def test_refs_and_remote_headers(api: HfApi) -> None:
    refs = api.list_repo_refs("acme/tiny")
    assert [(r.name, r.ref) for r in refs.branches + refs.tags] == [
        ("main", "refs/heads/main"),
        ("v1", "refs/tags/v1"),
    ]
    assert refs.tags[0].target_commit == api.model_info("acme/tiny", revision="v1").sha
    assert api.get_safetensors_metadata("acme/tiny").parameter_count == {"F32": 96}


def test_search_by_words_author_and_tag_page_by_page(api: HfApi, hub: Any) -> None:
    def names(**how: Any) -> list[str]:
        return [model.id for model in api.list_models(**how)]

    assert names(search="TINY") == ["acme/tiny", "acme/tiny-GGUF"]
    assert names(search="tiny gguf") == ["acme/tiny-GGUF"]
    assert names(filter="gguf") == ["acme/tiny-GGUF"]
    assert names(filter=["safetensors", "license:apache-2.0"], author="acme", gated=False) == [
        "acme/tiny"
    ]
    assert names(author="nobody") == []
    assert names(sort="lastModified", limit=2) != []
    everything = names()
    hub.faults.clear()
    first = api.list_models(limit=3)
    assert [model.id for model in first] == everything[:3]
    card = next(iter(api.list_models(search="tiny", cardData=True, full=True)))
    assert card.card_data is not None
    assert card.card_data["license"] == "apache-2.0"
    assert card.sha == api.model_info("acme/tiny").sha
    only = next(iter(api.list_models(search="tiny", expand=["gated", "sha"])))
    assert (only.gated, only.tags) == (False, None)


def test_gated_repositories_are_described_and_not_given(hub: Any, tmp_path: Path) -> None:
    def take(repo: str, token: str | bool) -> str:
        return hf_hub_download(
            repo, "README.md", endpoint=hub.address, token=token, cache_dir=tmp_path
        )

    for name in ("gated", "asks"):
        assert HfApi(endpoint=hub.address, token=False).model_info(f"acme/{name}").gated
    for token, status in ((False, 401), (hub.token, 403)):
        with pytest.raises(GatedRepoError) as refused:
            take("acme/gated", token)
        assert refused.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            HfApi(endpoint=hub.address, token=token).auth_check("acme/gated")
    with pytest.raises(GatedRepoError):
        take("acme/asks", False)
    assert Path(take("acme/asks", hub.token)).exists()
    assert Path(take("acme/gated", hub.granted)).exists()
    HfApi(endpoint=hub.address, token=hub.granted).auth_check("acme/gated")


def test_what_is_missing_or_private_is_not_found(hub: Any, api: HfApi) -> None:
    for name in ("acme/none", "other/private", "none/at-all"):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info(name)
        with pytest.raises(RepositoryNotFoundError):
            api.get_hf_file_metadata(url=f"{hub.address}/{name}/resolve/main/README.md")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/tiny", revision="v9")
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree("acme/tiny", revision="0" * 40))
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree("acme/tiny", "nowhere"))
    with pytest.raises(RemoteEntryNotFoundError):
        api.get_hf_file_metadata(url=f"{hub.address}/acme/tiny/resolve/main/nothing.bin")
    assert not api.file_exists("acme/tiny", "nothing.bin")
    member = HfApi(endpoint=hub.address, token=hub.token)
    assert member.model_info("other/private").private
    assert "other/private" in [model.id for model in member.list_models()]
    assert "other/private" not in [model.id for model in api.list_models()]


def test_a_wrong_token_is_rejected_everywhere(hub: Any) -> None:
    stranger = HfApi(endpoint=hub.address, token="hf_wrong")
    for ask in (
        stranger.whoami,
        lambda: stranger.model_info("acme/tiny"),
        lambda: list(stranger.list_models()),
    ):
        with pytest.raises(HfHubHTTPError) as refused:
            ask()
        assert refused.value.response.status_code == 401
        assert not isinstance(refused.value, RepositoryNotFoundError)
    assert HfApi(endpoint=hub.address, token=hub.token).whoami()["type"] == "user"


def test_changed_bytes_are_another_commit(hub: Any, api: HfApi) -> None:
    before = api.model_info("acme/tiny").sha
    hub.path("acme/tiny/config.json").write_bytes(b'{"changed": true}')
    after = api.model_info("acme/tiny").sha
    assert after != before
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/tiny", revision=before)
