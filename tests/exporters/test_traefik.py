"""Traefik's files: one path for each model, nothing else led anywhere."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostler.errors import UsageError
from ostler.exporters.traefik import Route, dynamic, guarded, paths, static, through

NAMES = st.from_regex(r"[a-z0-9]{1,4}/[a-zA-Z0-9._-]{1,6}(#q[48]_0)?", fullmatch=True)


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["http"]
    return found


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_each_path_leads_to_one_model(models: list[str]) -> None:
    routes = [Route(name, [f"http://127.0.0.1:{21000 + i}"]) for i, name in enumerate(models)]
    every = [path for route in routes for path in paths(route)]
    if len(set(every)) < len(every):
        with pytest.raises(UsageError, match="would both be at"):
            dynamic(routes)
        return
    found = read(dynamic(routes))
    assert len(found["routers"]) == len(models)
    for router in found["routers"].values():
        url = found["services"][router["service"]]["loadBalancer"]["servers"][0]["url"]
        model = models[int(url.rpartition(":")[2]) - 21000]
        expected = paths(next(route for route in routes if route.model == model))
        assert router["rule"] == " || ".join(f"PathPrefix(`{path}`)" for path in expected)
    assert all(path.endswith("/") for path in every)


def test_several_engines_share_the_load_of_a_model() -> None:
    servers = ["http://10.0.0.1:8000", "http://[::1]:8001"]
    found = read(dynamic([Route("acme/tiny", servers)]))["services"]["acme-tiny"]
    assert [one["url"] for one in found["loadBalancer"]["servers"]] == servers
    assert found["loadBalancer"]["healthCheck"]["path"] == "/health"


def test_callers_are_asked_for_a_password_before_anything_else() -> None:
    found = read(dynamic([Route("acme/tiny", ["http://127.0.0.1:1"])], "/etc/users"))
    assert found["routers"]["acme-tiny"]["middlewares"] == ["callers", "acme-tiny-path"]
    assert found["middlewares"]["callers"]["basicAuth"]["usersFile"] == "/etc/users"
    assert read(through("http://127.0.0.1:8077", "/u"))["routers"]["ostler"]["middlewares"]


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://a`b", "ftp://a", "http://a/path", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        dynamic([Route("acme/tiny", [url])])


@pytest.mark.parametrize(
    ("listen", "users", "refused"),
    [("127.0.0.1:80", None, False), ("[::1]:80", None, False), (":80", None, True),
     ("0.0.0.0:80", None, True), ("0.0.0.0:80", "/u", False), ("10.0.0.1:80", None, True)],
)  # fmt: skip
def test_others_need_a_password(listen: str, users: str | None, refused: bool) -> None:
    if not refused:
        guarded(listen, users)
        return
    with pytest.raises(UsageError, match="know no keys"):
        guarded(listen, users)


def test_the_static_file_says_where_it_listens_and_what_it_watches() -> None:
    found = yaml.safe_load(static("127.0.0.1:8080", "/srv/dynamic"))
    assert found["entryPoints"]["models"]["address"] == "127.0.0.1:8080"
    assert found["providers"]["file"] == {"directory": "/srv/dynamic", "watch": True}
    assert found["global"]["sendAnonymousUsage"] is False
