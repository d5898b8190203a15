"""git, git LFS and ModelScope's client find here what they ask their own hubs for."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

LFS = "application/vnd.git-lfs+json"


def ask(
    hub: Any, path: str, body: bytes | None = None, token: str = "", **headers: str
) -> tuple[int, Any, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    named |= {"Authorization": f"Basic {basic}"} if token else {}
    try:
        request = urllib.request.Request(hub.address + path, data=body, headers=named)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def batch(hub: Any, name: str, oid: str, token: str = "") -> tuple[int, Any]:
    asked = {"operation": "download", "objects": [{"oid": oid, "size": 1}]}
    status, _, said = ask(
        hub, f"/{name}.git/info/lfs/objects/batch", json.dumps(asked).encode(), token
    )
    return status, json.loads(said)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("depth", [[], ["--depth", "1"]])
def test_git_clones_main_and_a_tag(hub: Any, tmp_path: Path, depth: list[str]) -> None:
    env = {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", "GIT_CONFIG_GLOBAL": os.devnull}

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], env=env, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    git("clone", "-q", *depth, f"{hub.address}/acme/tiny", "main")
    git("clone", "-q", *depth, "--branch", "v1", f"{hub.address}/acme/tiny.git", "v1")
    assert (tmp_path / "v1/config.json").read_bytes() == b"{}"
    main = tmp_path / "main"
    assert (main / "extra/notes.txt").read_bytes() == b"in a folder"
    shard = hub.path("acme/tiny/model-00001-of-00002.safetensors").read_bytes()
    pointer = (main / "model-00001-of-00002.safetensors").read_text()
    assert f"oid sha256:{hashlib.sha256(shard).hexdigest()}\nsize {len(shard)}\n" in pointer
    assert git("-C", "main", "fsck", "--strict") == ""
    assert git("-C", "main", "status", "--short") == ""


def test_lfs_says_where_each_large_file_is(hub: Any) -> None:
    content = hub.path("acme/tiny-GGUF/tiny-Q8_0.gguf").read_bytes()
    oid = hashlib.sha256(content).hexdigest()
    status, said = batch(hub, "acme/tiny-GGUF", oid)
    assert (status, said["transfer"]) == (200, "basic")
    [one] = said["objects"]
    assert (one["oid"], one["size"]) == (oid, len(content))
    with urllib.request.urlopen(one["actions"]["download"]["href"], timeout=10) as answer:
        assert answer.read() == content
    _, unknown = batch(hub, "acme/tiny-GGUF", "0" * 64)
    assert unknown["objects"][0]["error"]["code"] == 404


def test_git_asks_with_name_and_password(hub: Any) -> None:
    status, headers, _ = ask(hub, "/acme/gated/info/refs?service=git-upload-pack")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    opened, _, refs = ask(hub, "/acme/gated/info/refs?service=git-upload-pack", token=hub.granted)
    assert opened == 200
    assert refs.startswith(b"001e# service=git-upload-pack\n0000")
    content = hub.path("acme/gated/model.safetensors").read_bytes()
    oid = hashlib.sha256(content).hexdigest()
    assert batch(hub, "acme/gated", oid)[0] == 401
    assert batch(hub, "acme/gated", oid, hub.token)[0] == 403
    _, given = batch(hub, "acme/gated", oid, hub.granted)
    download = given["objects"][0]["actions"]["download"]
    request = urllib.request.Request(download["href"], headers=download["header"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.read() == content


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/acme/tiny/info/refs", None, 403),
        ("/acme/tiny/info/refs?service=git-receive-pack", None, 403),
        ("/acme/tiny/git-upload-pack", b"zzzz", 400),
        ("/acme/tiny/git-upload-pack", b"0003", 400),
        ("/acme/tiny/git-upload-pack", b"00ff", 400),
        ("/acme/tiny/git-upload-pack", b"0032want " + b"1" * 40 + b"\n0000", 404),
        ("/acme/tiny/git-upload-pack", b"0" * (2 * 1024 * 1024), 413),
        ("/acme/tiny.git/info/lfs/objects/batch", b"{}", 400),
        ("/acme/tiny.git/info/lfs/objects/batch", b"[" * 100_000, 400),
        ("/acme/tiny.git/info/lfs/objects/batch", b'{"operation":"upload","objects":[]}', 403),
    ],
)
def test_what_git_may_not_or_cannot_ask(
    hub: Any, path: str, body: bytes | None, status: int
) -> None:
    assert ask(hub, path, body)[0] == status


def test_a_packed_question_is_unpacked_within_limits(hub: Any) -> None:
    path, packed = "/acme/tiny/git-upload-pack", {"Content_Encoding": "gzip"}
    assert ask(hub, path, gzip.compress(b"0" * 50_000_000), **packed)[0] == 413
    assert ask(hub, path, b"not gzip", **packed)[0] == 400
    assert ask(hub, path, gzip.compress(b"0000"), **packed)[0] == 200


def test_modelscope_lists_every_file_with_its_sha256(hub: Any) -> None:
    def data(path: str) -> Any:
        status, _, said = ask(hub, f"/api/v1/models/acme/tiny{path}")
        assert status == 200
        return json.loads(said)["Data"]

    listed = data("/repo/files?Revision=master&Recursive=True")["Files"]
    files = {one["Path"]: one for one in listed if one["Type"] == "blob"}
    for path, one in files.items():
        content = hub.path(f"acme/tiny/{path}").read_bytes()
        assert (one["Size"], one["Sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {one["Path"] for one in listed if one["Type"] == "tree"} == {"extra"}
    assert "extra/notes.txt" not in [
        one["Path"] for one in data("/repo/files?Revision=master&Recursive=False")["Files"]
    ]
    inside = data("/repo/files?Revision=v1&Root=&Recursive=True")["Files"]
    assert {one["Path"] for one in inside} == {"README.md", "config.json"}
    assert data("")["License"] == "apache-2.0"
    assert data("/revisions")["RevisionMap"]["Tags"] == [{"Revision": "v1"}]
    path = "/api/v1/models/acme/tiny/repo?Revision=master&FilePath=extra/notes.txt"
    assert ask(hub, path, Range="bytes=3-")[2] == b"a folder"
    for wrong in (
        "repo?Revision=v9&FilePath=README.md",
        "repo/files?Revision=v9",
        "repo/files?Root=x",
    ):
        assert ask(hub, f"/api/v1/models/acme/tiny/{wrong}")[0] == 404


def test_a_tree_comes_in_pages_and_commits_are_listed(hub: Any) -> None:
    tree, seen = "/api/models/acme/tiny/tree/main?recursive=true&limit=3", []
    path: str | None = tree
    while path:
        _, headers, said = ask(hub, path)
        page = json.loads(said)
        assert 0 < len(page) <= 3
        seen += [one["path"] for one in page]
        link = headers["Link"]
        path = link.partition(">")[0].removeprefix("<" + hub.address) if link else None
    _, _, whole = ask(hub, "/api/models/acme/tiny/tree/main?recursive=true")
    assert seen == [one["path"] for one in json.loads(whole)]
    _, _, said = ask(hub, "/api/models/acme/tiny/commits/v1")
    assert [set(one) for one in json.loads(said)] == [{"id", "title", "message", "authors", "date"}]
    assert ask(hub, "/api/models/acme/tiny/tree/main?limit=x")[0] == 400


def test_headers_tell_the_parameters(hub: Any) -> None:
    _, _, said = ask(hub, "/api/models/acme/tiny")
    assert json.loads(said)["safetensors"] == {"parameters": {"F32": 96}, "total": 96}
    _, _, said = ask(hub, "/api/models/acme/tiny-GGUF")
    assert "gguf" not in json.loads(said)  # its files are no real GGUF, and nothing is guessed
