"""The hub's routes: what clients of the Hugging Face Hub ask, answered from `Repos`."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ostler.errors import OstlerError
from ostler.faces.hub import answers, bodies, refusals, search
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import Repo, Repos, Snapshot
from ostler.faces.hub.visitors import Door, Visitor, check_consent, may_see

MAX_QUESTION = 1024 * 1024  # bytes of a paths-info body; the client asks for 2,000 paths at once
KINDS = ("/api/models/", "/api/datasets/", "/api/spaces/")  # only models are here
DEEPEST_REVISION = 8  # parts between slashes that a revision's name may have


def hub_app(
    repos: Repos,
    *,
    tokens: Collection[str] = (),
    granted: Collection[str] = (),
    closed: bool = False,
) -> Starlette:
    """Return the hub as an ASGI application.

    `tokens` open what is private or gated "auto", `granted` also what is gated "manual"; a
    `closed` hub shows nothing without one of them. Without any, tokens are not looked at.
    """
    hub = Hub(repos, Door(frozenset(tokens), frozenset(granted), closed))
    model = "/api/models/{owner}/{name}"
    app = Starlette(
        routes=[
            Route("/api/agent-harnesses", hub.agent_harnesses),
            Route("/api/whoami-v2", hub.whoami),
            Route("/api/models", hub.search),
            Route(model, hub.info),
            Route(model + "/revision/{rest:path}", hub.info_at_revision),
            Route(model + "/tree/{rest:path}", hub.tree),
            Route(model + "/paths-info/{rest:path}", hub.paths_info, methods=["POST"]),
            Route(model + "/refs", hub.refs),
            Route(model + "/auth-check", hub.auth_check),
            Route("/{owner}/{name}/resolve/{rest:path}", hub.resolve),
        ],
        exception_handlers={
            Refusal: _refuse,
            Moved: _move,
            OstlerError: _explain,
            HTTPException: _unknown,
        },
    )
    app.router.redirect_slashes = False
    return app


class Moved(Exception):
    """The repository has another name now."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True, slots=True)
class Hub:
    """The routes, over the repositories and the door that they share."""

    repos: Repos
    door: Door

    def agent_harnesses(self, request: Request) -> Response:
        """Every `hf` command asks this first."""
        return JSONResponse({"standardEnvVars": [], "harnesses": {}})

    def whoami(self, request: Request) -> Response:
        if not self._visitor(request).known:
            raise refusals.no_token()
        return JSONResponse(answers.whoami())

    def search(self, request: Request) -> Response:
        visitor = self._visitor(request)
        query = search.read(request.query_params)
        found = [repo for name in self.repos.names() if (repo := self.repos.find(name))]
        infos = [answers.model_info(repo, repo.main) for repo in found if may_see(visitor, repo)]
        page, cursor = search.select(infos, query)
        keys = _wanted(request)
        answer = JSONResponse([answers.only(info, keys) for info in page])
        if cursor is not None:
            following = request.url.include_query_params(cursor=cursor)
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    def info(self, request: Request) -> Response:
        repo, _ = self._repo(request)
        return self._info(request, repo, repo.main)

    def info_at_revision(self, request: Request) -> Response:
        repo, _ = self._repo(request)
        snapshot, _, rest = _at_revision(repo, request.path_params["rest"])
        if rest:
            raise refusals.revision_not_found(request.path_params["rest"])
        return self._info(request, repo, snapshot)

    def tree(self, request: Request) -> Response:
        repo, _ = self._repo(request)
        snapshot, revision, folder = _at_revision(repo, request.path_params["rest"])
        recursive, expand = _flag(request, "recursive"), _flag(request, "expand")
        items = answers.tree(snapshot, folder.strip("/"), recursive, expand)
        if items is None:
            raise refusals.entry_not_found(folder, revision)
        return JSONResponse(items, headers={"X-Repo-Commit": snapshot.commit})

    async def paths_info(self, request: Request) -> Response:
        paths, expand = await _paths(request)
        repo, _ = await run_in_threadpool(self._repo, request)
        snapshot, _, _ = _at_revision(repo, request.path_params["rest"])
        return JSONResponse(answers.items(snapshot, paths, expand))

    def refs(self, request: Request) -> Response:
        repo, _ = self._repo(request)
        return JSONResponse(answers.refs(repo))

    def auth_check(self, request: Request) -> Response:
        repo, visitor = self._repo(request)
        check_consent(visitor, repo)
        return JSONResponse({})

    def resolve(self, request: Request) -> Response:
        """Give a file. Only what the snapshot lists can be named, so no path leads elsewhere."""
        repo, visitor = self._repo(request)
        check_consent(visitor, repo)
        snapshot, revision, path = _at_revision(repo, request.path_params["rest"])
        file = snapshot.files.get(path)
        if file is None:
            raise refusals.entry_not_found(path, revision)
        return bodies.answer(request, file, snapshot.commit)

    def _info(self, request: Request, repo: Repo, snapshot: Snapshot) -> Response:
        info = answers.model_info(repo, snapshot, blobs=_flag(request, "blobs"))
        expand = request.query_params.getlist("expand")
        return JSONResponse(answers.only(info, expand) if expand else info)

    def _visitor(self, request: Request) -> Visitor:
        return self.door.visitor(request.headers.get("authorization"))

    def _repo(self, request: Request) -> tuple[Repo, Visitor]:
        visitor = self._visitor(request)
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        today = None if name in self.repos.names() else self.repos.renamed(name)
        repo = self.repos.find(today or name)
        if repo is None or not may_see(visitor, repo):
            raise self.door.missing(visitor)
        if today:
            query = f"?{request.url.query}" if request.url.query else ""
            raise Moved(quote(request.scope["path"].replace(name, today, 1)) + query)
        return repo, visitor


def _at_revision(repo: Repo, rest: str) -> tuple[Snapshot, str, str]:
    """Split `<revision>/<path>` where the revision's own name may hold slashes.

    Raises Refusal (RevisionNotFound).
    """
    parts = rest.split("/")
    for count in range(min(len(parts), DEEPEST_REVISION), 0, -1):
        revision = "/".join(parts[:count])
        commit = repo.commit_of(revision)
        if commit:
            return repo.snapshots[commit], revision, "/".join(parts[count:])
    raise refusals.revision_not_found(parts[0])


def _wanted(request: Request) -> list[str]:
    """The keys of one search result: those asked for by name, or the usual and the asked."""
    expand = request.query_params.getlist("expand")
    if expand:
        return expand
    full = ["author", "sha", "lastModified", "gated", "disabled", "siblings"]
    card = ["cardData"]
    return [
        *answers.LISTED,
        *(full if _flag(request, "full") else []),
        *(card if _flag(request, "cardData") else []),
    ]


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("1", "true")


async def _paths(request: Request) -> tuple[list[str], bool]:
    """Read the paths asked for, from a form or from JSON. Raises Refusal (400, 413)."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_QUESTION:
            raise Refusal(413, f"more than {MAX_QUESTION} bytes of paths")
    if not request.headers.get("content-type", "").startswith("application/json"):
        form = parse_qs(body.decode(errors="replace"))
        return form.get("paths", []), form.get("expand", [""])[0].lower() == "true"
    try:
        asked: Any = json.loads(body)
        paths = asked["paths"]
        return [str(path) for path in ([paths] if isinstance(paths, str) else paths)], bool(
            asked.get("expand")
        )
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, 'the body must be {"paths": [...]}') from None


def _refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return JSONResponse(
        {"error": refusal.message}, status_code=refusal.status, headers=refusal.headers
    )


def _move(request: Request, moved: Exception) -> Response:
    assert isinstance(moved, Moved)
    return RedirectResponse(moved.location, status_code=307)


def _explain(request: Request, error: Exception) -> Response:
    """What is wrong on the hub's own machine, such as a malformed `.hub.json`."""
    assert isinstance(error, OstlerError)
    headers = {"X-Error-Message": refusals.header_text(error.what)}
    return JSONResponse({"error": error.what}, status_code=500, headers=headers)


def _unknown(request: Request, error: Exception) -> Response:
    """No such route. Under a repository's address that means no such repository."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 404 and (path.startswith(KINDS) or "/resolve/" in path):
        return _refuse(request, refusals.repo_not_found())
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
