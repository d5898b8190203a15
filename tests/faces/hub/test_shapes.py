"""The answers have the keys that answers of the real Hub have, no more where more would mislead."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def ask(hub: Any, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, Any, Any]:
    headers = {"Content-Type": kind} if kind else {}
    request = urllib.request.Request(hub.address + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, _read(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, _read(error)


def _read(answer: Any) -> Any:
    body = answer.read()
    return json.loads(body) if "json" in answer.headers["Content-Type"] else body


def test_model_info(hub: Any) -> None:
    _, _, info = ask(hub, "/api/models/acme/tiny")
    assert set(info) >= {
        "_id", "id", "modelId", "author", "sha", "lastModified", "createdAt", "private", "gated",
        "disabled", "downloads", "likes", "tags", "cardData", "siblings", "spaces", "usedStorage",
    }  # fmt: skip
    assert info["gated"] is False
    assert info["lastModified"].endswith("Z")
    assert all(set(sibling) == {"rfilename"} for sibling in info["siblings"])
    assert ask(hub, "/api/models/acme/gated")[2]["gated"] == "manual"
    _, _, detailed = ask(hub, "/api/models/acme/tiny/revision/main?blobs=true")
    shard = next(s for s in detailed["siblings"] if s["rfilename"].startswith("model-00001"))
    assert set(shard) == {"rfilename", "size", "blobId", "lfs"}
    assert set(shard["lfs"]) == {"sha256", "size", "pointerSize"}


def test_tree_and_paths_info(hub: Any) -> None:
    _, _, tree = ask(hub, "/api/models/acme/tiny/tree/main")
    items = {item["path"]: item for item in tree}
    assert "extra/notes.txt" not in items
    _, _, whole = ask(hub, "/api/models/acme/tiny/tree/main?recursive=true")
    assert {item["path"] for item in whole} == {*items, "extra/notes.txt"}
    assert items["extra"] == {
        "type": "directory", "oid": items["extra"]["oid"], "size": 0, "path": "extra"
    }  # fmt: skip
    assert set(items["config.json"]) == {"type", "oid", "size", "path"}
    shard = items["model-00001-of-00002.safetensors"]
    assert set(shard) == {"type", "oid", "size", "path", "lfs"}
    assert set(shard["lfs"]) == {"oid", "size", "pointerSize"}
    question = json.dumps({"paths": ["config.json", "absent"], "expand": True}).encode()
    _, _, [one] = ask(
        hub, "/api/models/acme/tiny/paths-info/main", question, "application/json; charset=utf-8"
    )
    assert set(one["lastCommit"]) == {"id", "title", "date"}
    assert "xet" not in json.dumps(tree).lower()


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"paths": 1}', b"\xff", b"[" * 100_000])
def test_a_malformed_question_is_400(hub: Any, body: bytes) -> None:
    path = "/api/models/acme/tiny/paths-info/main"
    assert ask(hub, path, body, "application/json")[0] == 400


def test_a_question_without_end_is_413(hub: Any) -> None:
    path = "/api/models/acme/tiny/paths-info/main"
    body = b"paths=" + b"x" * (1024 * 1024)
    assert ask(hub, path, body, "application/x-www-form-urlencoded")[0] == 413


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/api/models/acme/tiny/revision/v9", 404, "RevisionNotFound", "Invalid rev id: v9"),
        ("/api/models/acme/tiny/revision/main/extra", 404, "RevisionNotFound", None),
        (
            "/api/models/acme/tiny/tree/main/nowhere",
            404,
            "EntryNotFound",
            'nowhere does not exist on "main"',
        ),
        ("/acme/tiny/resolve/main/nothing", 404, "EntryNotFound", None),
        ("/acme/tiny/resolve/v9/config.json", 404, "RevisionNotFound", None),
        ("/api/models/acme/none", 401, "RepoNotFound", None),
        ("/api/models/gpt2", 404, "RepoNotFound", None),
        ("/gpt2/resolve/main/config.json", 404, "RepoNotFound", None),
        ("/acme/gated/resolve/main/README.md", 401, "GatedRepo", None),
        ("/api/whoami-v2", 401, None, "Invalid username or password."),
        ("/api/models?limit=many", 400, None, "limit must be a whole number"),
        ("/api/models?sort=cardData", 400, None, None),
        ("/api/datasets/acme/tiny", 404, "RepoNotFound", None),
        ("/no/such/address", 404, None, None),
    ],
)
def test_refusals(hub: Any, path: str, status: int, code: str | None, message: str | None) -> None:
    got, headers, body = ask(hub, path)
    assert (got, headers["X-Error-Code"]) == (status, code)
    assert body["error"]
    if message:
        assert body["error"] == headers["X-Error-Message"] == message


def test_pages_follow_the_link_and_meet_each_model_once(hub: Any) -> None:
    names, path, pages = [], "/api/models?limit=2", 0
    while path:
        _, headers, page = ask(hub, path)
        names += [model["id"] for model in page]
        pages += 1
        link = headers["Link"] or ""
        path = link.partition(";")[0].strip("<>").removeprefix(hub.address)
        assert not link or link.endswith('; rel="next"')
    assert names == ["acme/asks", "acme/gated", "acme/tiny", "acme/tiny-GGUF"]
    assert pages == 2


@pytest.mark.parametrize(
    "revision", ["v1", "refs/tags/v1", "refs%2Ftags%2Fv1", "main", "refs/heads/main"]
)
def test_a_revision_by_each_of_its_names(hub: Any, revision: str) -> None:
    assert ask(hub, f"/api/models/acme/tiny/revision/{revision}")[0] == 200
    assert ask(hub, f"/acme/tiny/resolve/{revision}/config.json")[0] == 200


def test_a_renamed_repository_answers_307_with_path_and_question_kept(hub: Any) -> None:
    connection = http.client.HTTPConnection(hub.address.removeprefix("http://"), timeout=10)
    connection.request("GET", "/api/models/acme/Meta-tiny/tree/main?recursive=true")
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 307
    assert answer.headers["Location"] == "/api/models/acme/tiny/tree/main?recursive=true"


def test_a_broken_note_is_told_to_the_client_and_breaks_nothing_else(hub: Any) -> None:
    hub.path("acme/asks/.hub.json").write_text("{")
    status, _, body = ask(hub, "/api/models/acme/asks")
    assert status == 500
    assert "malformed" in body["error"]
    assert ask(hub, "/api/models/acme/tiny")[0] == 200


segments = st.sampled_from(
    ["api", "models", "acme", "tiny", "resolve", "tree", "revision", "refs", "main", "..", "%2e%2e"]
) | st.text(max_size=8).map(lambda text: urllib.parse.quote(text, safe=""))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(segments, max_size=8), question=st.text(max_size=20))
def test_no_address_makes_the_hub_fail(hub: Any, path: list[str], question: str) -> None:
    query = urllib.parse.quote(question, safe="=&")
    assert ask(hub, f"/{'/'.join(path)}?{query}")[0] < 500
