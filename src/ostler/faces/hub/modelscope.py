"""The routes that ModelScope's client asks when it downloads a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostler.faces.hub import bodies, refusals
from ostler.faces.hub.desk import Desk, at_revision
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import HubFile, Repo, Snapshot

DEFAULT = "master"  # ModelScope's name for the branch that others call main


def routes(desk: Desk) -> list[Route]:
    """Return the routes under `/api/v1`."""
    scope, model = ModelScope(desk), "/api/v1/models/{owner}/{name}"
    return [
        Route(model, scope.info),
        Route(model + "/revisions", scope.revisions),
        Route(model + "/repo/files", scope.files),
        Route(model + "/repo", scope.file),
    ]


@dataclass(frozen=True, slots=True)
class ModelScope:
    """The routes, over the desk that all routes share."""

    desk: Desk

    def info(self, request: Request) -> Response:
        repo, _ = self.desk.repo(request)
        owner, _, name = repo.name.partition("/")
        size = sum(file.size for file in repo.main.files.values())
        licence = repo.main.card.get("license", "")
        known = {"Path": owner, "Name": name, "License": licence, "StorageSize": size}
        return _data(known | {"LastUpdatedTime": int(repo.main.modified)})

    def revisions(self, request: Request) -> Response:
        repo, _ = self.desk.repo(request)
        branches = [{"Revision": DEFAULT if n == "main" else n} for n in repo.branches]
        tags = [{"Revision": name} for name in repo.tags]
        return _data({"RevisionMap": {"Branches": branches, "Tags": tags}})

    def files(self, request: Request) -> Response:
        """List files with the sha256 of each, and folders."""
        asked = _revision(request)
        repo, _ = self.desk.repo(request, asked)
        snapshot = _snapshot(repo, asked)
        root = request.query_params.get("Root", "").strip("/")
        if root not in snapshot.folders:
            raise refusals.entry_not_found(root, asked)
        deep = request.query_params.get("Recursive", "").lower() == "true"
        paths = [*snapshot.folders, *snapshot.files]
        items = [_item(snapshot, path) for path in paths if _below(root, path, deep)]
        return _data({"Files": items})

    def file(self, request: Request) -> Response:
        path = request.query_params.get("FilePath", "")
        return bodies.give(self.desk, request, f"{_revision(request)}/{path}")


def _revision(request: Request) -> str:
    asked = request.query_params.get("Revision") or DEFAULT
    return "main" if asked == DEFAULT else asked


def _snapshot(repo: Repo, asked: str) -> Snapshot:
    snapshot, _, rest = at_revision(repo, asked)
    if rest:
        raise refusals.revision_not_found(asked)
    return snapshot


def _below(root: str, path: str, deep: bool) -> bool:
    inside = path.removeprefix(f"{root}/") if root else path
    below = path != "" and path != root and (not root or inside != path)
    return below and (deep or "/" not in inside)


def _item(snapshot: Snapshot, path: str) -> dict[str, Any]:
    file = snapshot.files.get(path)
    name = path.rpartition("/")[2]
    if file is None:
        return {"Path": path, "Name": name, "Type": "tree", "Size": 0, "Sha256": ""}
    return {
        "Path": path, "Name": name, "Type": "blob", "Size": file.size, "Sha256": _sha256(file),
        "IsLFS": file.sha256 is not None, "Revision": snapshot.commit,
    }  # fmt: skip


def _sha256(file: HubFile) -> str:
    if file.sha256:
        return file.sha256
    return _hashed(file.location, file.oid) if file.location else ""


@lru_cache(maxsize=4096)
def _hashed(location: str, oid: str) -> str:
    """Return the sha256 of a small file; `oid` makes changed bytes another question."""
    try:
        with open(location, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise Refusal(503, f"a file cannot be read here: {error.strerror}") from None


def _data(data: dict[str, Any]) -> Response:
    return JSONResponse({"Code": 200, "Success": True, "Message": "success", "Data": data})
