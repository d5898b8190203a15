"""The routes that clients of the Hugging Face Hub ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostler.faces.hub import answers, bodies, questions, refusals, search, weights
from ostler.faces.hub.desk import Desk, at_revision
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import Repo, Snapshot
from ostler.faces.hub.visitors import check_consent, may_see

PAGE, PAGE_EXPANDED = 1000, 50  # items of a tree in one answer, as on the Hub


def routes(desk: Desk) -> list[Route]:
    """Return the routes under `/api` and the files themselves."""
    hub, model = Hub(desk), "/api/models/{owner}/{name}"
    return [
        Route("/api/agent-harnesses", hub.agent_harnesses),
        Route("/api/whoami-v2", hub.whoami),
        Route("/api/models", hub.search),
        Route(model, hub.info),
        Route(model + "/revision/{rest:path}", hub.info_at_revision),
        Route(model + "/tree/{rest:path}", hub.tree),
        Route(model + "/paths-info/{rest:path}", hub.paths_info, methods=["POST"]),
        Route(model + "/commits/{rest:path}", hub.commits),
        Route(model + "/refs", hub.refs),
        Route(model + "/auth-check", hub.auth_check),
        Route("/{owner}/{name}/resolve/{rest:path}", hub.resolve),
    ]


@dataclass(frozen=True, slots=True)
class Hub:
    """The routes, over the desk that they share."""

    desk: Desk

    def agent_harnesses(self, request: Request) -> Response:
        """Every `hf` command asks this first."""
        return JSONResponse({"standardEnvVars": [], "harnesses": {}})

    def whoami(self, request: Request) -> Response:
        if not self.desk.visitor(request).known:
            raise refusals.no_token()
        return JSONResponse(answers.whoami())

    def search(self, request: Request) -> Response:
        visitor = self.desk.visitor(request)
        query = search.read(request.query_params)
        repos = self.desk.repos
        found = [repo for name in repos.names() if (repo := repos.find(name))]
        infos = [answers.model_info(repo, repo.main) for repo in found if may_see(visitor, repo)]
        page, cursor = search.select(infos, query)
        keys = _wanted(request)
        answer = JSONResponse([answers.only(info, keys) for info in page])
        if cursor is not None:
            following = request.url.include_query_params(cursor=cursor)
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    def info(self, request: Request) -> Response:
        repo, _ = self.desk.repo(request)
        return self._info(request, repo, repo.main)

    def info_at_revision(self, request: Request) -> Response:
        asked = request.path_params["rest"]
        repo, _ = self.desk.repo(request, asked)
        snapshot, _, rest = at_revision(repo, asked)
        if rest:
            raise refusals.revision_not_found(asked)
        return self._info(request, repo, snapshot)

    def tree(self, request: Request) -> Response:
        asked = request.path_params["rest"]
        repo, _ = self.desk.repo(request, asked)
        snapshot, revision, folder = at_revision(repo, asked)
        recursive, expand = _flag(request, "recursive"), _flag(request, "expand")
        items = answers.tree(snapshot, folder.strip("/"), recursive, expand)
        if items is None:
            raise refusals.entry_not_found(folder, revision)
        most = PAGE_EXPANDED if expand else PAGE
        limit = min(max(search.whole(request.query_params, "limit", most), 1), most)
        return _page(request, items, limit, {"X-Repo-Commit": snapshot.commit})

    def commits(self, request: Request) -> Response:
        """List the one commit that is served: the ones before it are not here."""
        asked = request.path_params["rest"]
        repo, _ = self.desk.repo(request, asked)
        snapshot, _, _ = at_revision(repo, asked)
        return JSONResponse([answers.commit(snapshot)], headers={"X-Total-Count": "1"})

    async def paths_info(self, request: Request) -> Response:
        paths, expand = await _paths(request)
        asked = request.path_params["rest"]
        repo, _ = await run_in_threadpool(self.desk.repo, request, asked)
        snapshot, _, _ = at_revision(repo, asked)
        return JSONResponse(answers.items(snapshot, paths, expand))

    def refs(self, request: Request) -> Response:
        repo, _ = self.desk.repo(request)
        return JSONResponse(answers.refs(repo))

    def auth_check(self, request: Request) -> Response:
        repo, visitor = self.desk.repo(request)
        check_consent(visitor, repo)
        return JSONResponse({})

    def resolve(self, request: Request) -> Response:
        """Give a file, from the disk or, for an operator, as it arrives from outside."""
        return bodies.give(self.desk, request, request.path_params["rest"])

    def _info(self, request: Request, repo: Repo, snapshot: Snapshot) -> Response:
        info = answers.model_info(repo, snapshot, blobs=_flag(request, "blobs"))
        info |= weights.describe(snapshot)
        expand = request.query_params.getlist("expand")
        return JSONResponse(answers.only(info, expand) if expand else info)


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


def _page(request: Request, items: list[Any], limit: int, headers: dict[str, str]) -> Response:
    """Return one page of a list, with the address of the next in a header."""
    skip = search.whole(request.query_params, "cursor", 0)
    if skip + limit < len(items):
        following = request.url.include_query_params(cursor=skip + limit)
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse(items[skip : skip + limit], headers=headers)


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("1", "true")


async def _paths(request: Request) -> tuple[list[str], bool]:
    """Read the paths asked for, from a form or from JSON. Raises Refusal (400, 413)."""
    body = await questions.body(request)
    if not request.headers.get("content-type", "").startswith("application/json"):
        form = parse_qs(body.decode(errors="replace"))
        return form.get("paths", []), form.get("expand", [""])[0].lower() == "true"
    try:
        asked: Any = questions.read(body)
        paths = asked["paths"]
        return [str(path) for path in ([paths] if isinstance(paths, str) else paths)], bool(
            asked.get("expand")
        )
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, 'the body must be {"paths": [...]}') from None
