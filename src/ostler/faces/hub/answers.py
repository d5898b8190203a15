"""Repositories in the shapes that the Hub's API gives them. Pure.

The same large file reads `lfs: {sha256, size, pointerSize}` among a model's siblings and
`lfs: {oid, size, pointerSize}` in a tree: that is how the Hub does it. No answer ever names
Xet: a client that sees it would ask a Xet server that is not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ostler.core import git
from ostler.faces.hub.repos import HubFile, Repo, Snapshot

Json = dict[str, Any]

# What one result of a search shows unless more is asked for.
LISTED = (
    "_id", "id", "modelId", "likes", "trendingScore", "private", "downloads", "tags",
    "pipeline_tag", "library_name", "createdAt",
)  # fmt: skip


def model_info(repo: Repo, snapshot: Snapshot, blobs: bool = False) -> Json:
    """Return one model at one commit; with `blobs`, sizes and hashes of its files."""
    when = moment(snapshot.modified)
    info: Json = {
        # the Hub's own ids are 24 hex digits
        "_id": hashlib.sha256(repo.name.encode()).hexdigest()[:24],
        "id": repo.name,
        "modelId": repo.name,
        "author": repo.name.partition("/")[0],
        "sha": snapshot.commit,
        "lastModified": when,
        "createdAt": when,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "trendingScore": 0,
        "tags": list(snapshot.tags),
        "cardData": dict(snapshot.card),
        "siblings": [_sibling(file, blobs) for file in snapshot.files.values()],
        "spaces": [],
        "usedStorage": sum(file.size for file in snapshot.files.values()),
    }
    return info | {
        key: snapshot.card[key] for key in ("pipeline_tag", "library_name") if key in snapshot.card
    }


def only(info: Json, keys: Iterable[str]) -> Json:
    """Return the info cut down to these keys, and those that name it."""
    wanted = {"_id", "id", *keys}
    return {key: value for key, value in info.items() if key in wanted}


def tree(snapshot: Snapshot, folder: str, recursive: bool, expand: bool) -> list[Json] | None:
    """Return what lies in a folder ("" is the root), None where there is no such folder."""
    if folder not in snapshot.folders:
        return None
    prefix = f"{folder}/" if folder else ""

    def here(path: str) -> bool:
        inside = path.startswith(prefix) and path != folder and path != ""
        return inside and (recursive or "/" not in path[len(prefix) :])

    paths = [*filter(here, snapshot.folders), *filter(here, snapshot.files)]
    return items(snapshot, paths, expand)


def items(snapshot: Snapshot, paths: Collection[str], expand: bool) -> list[Json]:
    """Return those of the paths that exist, as a tree lists them."""
    found = [item for path in paths if (item := _item(snapshot, path.strip("/")))]
    commit = {
        "id": snapshot.commit,
        "title": "As served",
        "date": moment(snapshot.modified),
    }
    return [item | {"lastCommit": commit} for item in found] if expand else found


def commit(snapshot: Snapshot) -> Json:
    """Return the commit as a list of commits shows it; who made it is not known here."""
    title = "As served"
    when = moment(snapshot.modified)
    return {"id": snapshot.commit, "title": title, "message": "", "authors": [], "date": when}


def refs(repo: Repo) -> Json:
    """Return the branches and tags of a repository."""
    return {
        "branches": _refs("refs/heads/", repo.branches),
        "tags": _refs("refs/tags/", repo.tags),
        "converts": [],
    }


def whoami() -> Json:
    """Return who the caller is: a guest, whichever known token it shows."""
    return {
        "type": "user",
        "id": "0" * 24,
        "name": "guest",
        "fullname": "A guest of this hub",
        "isPro": False,
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": {"displayName": "token", "role": "read"}},
    }


def moment(seconds: float) -> str:
    """Return a time as the Hub writes it, in UTC with milliseconds."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _refs(prefix: str, commits: Mapping[str, str]) -> list[Json]:
    return [
        {"name": name, "ref": prefix + name, "targetCommit": commit}
        for name, commit in commits.items()
    ]


def _sibling(file: HubFile, blobs: bool) -> Json:
    sibling: Json = {"rfilename": file.path}
    if blobs:
        sibling |= {"size": file.size, "blobId": file.oid}
        if file.sha256:
            sibling["lfs"] = {"sha256": file.sha256, **_sizes(file, file.sha256)}
    return sibling


def _item(snapshot: Snapshot, path: str) -> Json | None:
    file = snapshot.files.get(path)
    if file is None:
        oid = snapshot.folders.get(path)
        return {"type": "directory", "oid": oid, "size": 0, "path": path} if oid and path else None
    item: Json = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if file.sha256:
        item["lfs"] = {"oid": file.sha256, **_sizes(file, file.sha256)}
    return item


def _sizes(file: HubFile, sha256: str) -> Json:
    return {"size": file.size, "pointerSize": len(git.pointer(sha256, file.size))}
