"""The routes of git: a repository as it is now can be cloned, its large files come by git LFS.

The one commit of a clone is made here, from what is served; it is not the upstream's.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ostler.core import git, git_pack
from ostler.faces.hub import questions
from ostler.faces.hub.desk import Desk
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import HubFile, Repo, Snapshot
from ostler.faces.hub.visitors import check_consent

ATTRIBUTES = ".gitattributes"
LFS_JSON = "application/vnd.git-lfs+json"


def routes(desk: Desk) -> list[Route]:
    """Return the routes that `git clone` and `git lfs pull` use."""
    clones, repo = Clones(desk), "/{owner}/{name}"
    return [
        Route(repo + "/info/refs", clones.refs),
        Route(repo + "/git-upload-pack", clones.upload_pack, methods=["POST"]),
        Route(repo + "/info/lfs/objects/batch", clones.batch, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class Clone:
    """One snapshot as git sees it."""

    commit: str
    contents: Mapping[str, tuple[str, bytes | HubFile]]  # object id -> kind, content or file

    def objects(self) -> Iterator[tuple[str, bytes]]:
        for kind, content in self.contents.values():
            yield kind, content if isinstance(content, bytes) else _bytes(content)


@dataclass(frozen=True, slots=True)
class Clones:
    """The routes, over the desk that all routes share."""

    desk: Desk

    def refs(self, request: Request) -> Response:
        if request.query_params.get("service") != git_pack.SERVICE:
            raise Refusal(403, "This hub is read-only, for git clients newer than version 1.6.6")
        repo = self._repo(request)
        names = {f"refs/heads/{name}": commit for name, commit in repo.branches.items()}
        names |= {f"refs/tags/{name}": commit for name, commit in repo.tags.items()}
        clones = {commit: clone(repo.snapshots[commit]).commit for commit in set(names.values())}
        refs = {name: clones[commit] for name, commit in names.items()}
        return Response(
            git_pack.advertised(refs, "refs/heads/main"),
            media_type=f"application/x-{git_pack.SERVICE}-advertisement",
            headers={"Cache-Control": "no-cache"},
        )

    async def upload_pack(self, request: Request) -> Response:
        body = await _body(request)
        try:
            asked = git_pack.question(body)
        except ValueError as error:
            raise Refusal(400, f"not a request of git: {error}") from None
        repo = await run_in_threadpool(self._repo, request)
        clones = [clone(snapshot) for snapshot in repo.snapshots.values()]
        wanted = [one for one in clones if one.commit in asked.wants]
        if {one.commit for one in wanted} != set(asked.wants):
            raise Refusal(404, "a commit was asked for that is not here any more")
        merged = Clone("", {oid: item for one in wanted for oid, item in one.contents.items()})
        media = f"application/x-{git_pack.SERVICE}-result"
        return StreamingResponse(_answer(asked, merged), media_type=media)

    async def batch(self, request: Request) -> Response:
        """Say where each large file is; see git-lfs's docs/api/batch.md."""
        try:
            asked: Any = questions.read(await _body(request))
            wanted = [(str(one["oid"]), int(one["size"])) for one in asked["objects"]]
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, "not a request of git LFS") from None
        if asked.get("operation") != "download":
            raise Refusal(403, "This hub is read-only")
        repo = await run_in_threadpool(self._repo, request)
        large = {
            file.sha256: (snapshot.commit, file)
            for snapshot in repo.snapshots.values()
            for file in snapshot.files.values()
            if file.sha256
        }
        objects = [_object(request, repo, large.get(oid), oid, size) for oid, size in wanted]
        answer = {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}
        return JSONResponse(answer, media_type=LFS_JSON)

    def _repo(self, request: Request) -> Repo:
        """Return the repository. git knows no Bearer: it is asked for name and password."""
        try:
            repo, visitor = self.desk.repo(request)
            check_consent(visitor, repo)
        except Refusal as refusal:
            if refusal.status == 401:
                realm = 'Basic realm="any name, and a token of this hub as the password"'
                refusal.headers["WWW-Authenticate"] = realm
            raise
        return repo


def clone(snapshot: Snapshot) -> Clone:
    """Return the snapshot as objects of git; large files as the pointers to them."""
    contents: dict[str, tuple[str, bytes | HubFile]] = {}
    blobs = {path: file.oid for path, file in snapshot.files.items()}
    for file in snapshot.files.values():
        pointer = git.pointer(file.sha256, file.size) if file.sha256 else file
        contents[file.oid] = ("blob", pointer)
    large = [path for path, file in snapshot.files.items() if file.sha256]
    if large and ATTRIBUTES not in blobs:
        attributes = "".join(map(_attribute, large)).encode()
        blobs[ATTRIBUTES] = git.object_id("blob", attributes)
        contents[blobs[ATTRIBUTES]] = ("blob", attributes)
    trees = git.tree_contents(blobs)
    contents |= {git.object_id("tree", tree): ("tree", tree) for tree in trees.values()}
    commit = git.commit_content(git.object_id("tree", trees[""]))
    oid = git.object_id("commit", commit)
    return Clone(oid, contents | {oid: ("commit", commit)})


def _attribute(path: str) -> str:
    """Say that a file is large, as `git lfs track` writes it."""
    plain = "".join(f"[{c}]" if c in "*?[\\" else c for c in path).replace(" ", "[[:space:]]")
    return f"/{plain} filter=lfs diff=lfs merge=lfs -text\n"


def _answer(asked: git_pack.Question, wanted: Clone) -> Iterator[bytes]:
    yield git_pack.begin(asked)
    if asked.done:
        yield from git_pack.pack(wanted.objects(), len(wanted.contents))


def _bytes(file: HubFile) -> bytes:
    if file.location is None:
        raise Refusal(503, f"{file.path} is not here yet")
    with open(file.location, "rb") as opened:
        return opened.read()


def _object(
    request: Request, repo: Repo, found: tuple[str, HubFile] | None, oid: str, size: int
) -> dict[str, Any]:
    if found is None:
        error = {"code": 404, "message": f"{repo.name} has no such object"}
        return {"oid": oid, "size": size, "error": error}
    commit, file = found
    href = f"{request.base_url}{repo.name}/resolve/{commit}/{quote(file.path)}"
    sent = request.headers.get("authorization")
    header = {"Authorization": sent} if sent else {}
    download = {"href": href, "header": header}
    return {
        "oid": oid, "size": file.size, "authenticated": True, "actions": {"download": download},
    }  # fmt: skip


async def _body(request: Request) -> bytes:
    """Return what a client sent, unpacked; never more than a question can need."""
    body = await questions.body(request)
    if request.headers.get("content-encoding") != "gzip":
        return body
    try:
        unpacked = zlib.decompressobj(wbits=31).decompress(body, questions.LONGEST + 1)
    except (zlib.error, gzip.BadGzipFile):
        raise Refusal(400, "a body that is not gzip") from None
    if len(unpacked) > questions.LONGEST:
        raise questions.too_long()
    return unpacked
