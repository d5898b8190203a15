"""A search's parameters -> which models, in which order, and where the next page begins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from ostler.faces.hub.refusals import Refusal

PAGE = 1000  # the most that one page holds, as on the Hub
SORTS = ("id", "createdAt", "lastModified", "downloads", "likes", "trendingScore")


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for. Everything given must hold."""

    words: tuple[str, ...] = ()  # each within the name, whatever its case
    author: str | None = None
    tags: frozenset[str] = frozenset()
    gated: bool | None = None
    sort: str = "id"
    descending: bool = False
    limit: int = PAGE
    skip: int = 0


def read(params: QueryParams) -> Query:
    """Return the query that these parameters mean. Raises Refusal (400)."""
    tags = [tag for given in params.getlist("filter") for tag in given.split(",") if tag]
    gated = params.get("gated")
    sort = params.get("sort") or "id"
    if sort not in SORTS:
        raise Refusal(400, f"sort must be one of {', '.join(SORTS)}")
    return Query(
        words=tuple(params.get("search", "").lower().split()),
        author=params.get("author"),
        tags=frozenset(tags + params.getlist("pipeline_tag")),
        gated=None if gated is None else gated.lower() == "true",
        sort=sort,
        # the Hub sorts numbers and dates from the top; names make sense from A
        descending=params.get("direction", "-1" if sort != "id" else "1") == "-1",
        limit=min(max(whole(params, "limit", PAGE), 1), PAGE),
        skip=whole(params, "cursor", 0),
    )


def select(infos: Iterable[Mapping[str, Any]], query: Query) -> tuple[list[Any], int | None]:
    """Return one page of the models that fit, and the cursor of the next page if there is one."""
    fitting = sorted((info for info in infos if _fits(info, query)), key=lambda info: info["id"])
    fitting.sort(key=lambda info: info[query.sort], reverse=query.descending)
    end = query.skip + query.limit
    return fitting[query.skip : end], end if end < len(fitting) else None


def _fits(info: Mapping[str, Any], query: Query) -> bool:
    name = info["id"].lower()
    return (
        all(word in name for word in query.words)
        and query.author in (None, info["author"])
        and query.tags <= {*info["tags"], info.get("pipeline_tag")}
        and query.gated in (None, bool(info["gated"]))
    )


def whole(params: QueryParams, name: str, default: int) -> int:
    """Return a parameter that is a whole number. Raises Refusal (400)."""
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refusal(400, f"{name} must be a whole number")
    return int(text)
