"""Where requests go, and which paths stay behind the key."""

import hashlib
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ostler.faces.gateway.messages import Backend, Key, Model, Table
from ostler.faces.gateway.routing import By, Routes, is_ready, way


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/x", b"/tokenize"])
def test_a_post_to_an_inference_path_is_routed_by_its_body(path: bytes) -> None:
    found = way(b"POST", path)
    assert found is not None
    assert (found.by, found.guarded, found.target) == (By.BODY, True, path)


def test_other_methods_and_paths_are_for_the_control_api() -> None:
    models = way(b"GET", b"/v1/models")
    health = way(b"GET", b"/health?x=1")
    assert models is not None
    assert health is not None
    assert (models.by, models.guarded) == (By.NOTHING, True)
    assert (health.by, health.guarded) == (By.NOTHING, False)


@given(st.text(min_size=1).filter(lambda t: t.encode("utf-8", "ignore").decode() == t))
def test_a_path_names_any_model_in_percent_escapes(model: str) -> None:
    target = f"/runtime/models/{quote(model, safe='')}/v1/models?x=%2F".encode()
    found = way(b"GET", target)
    assert found is not None
    assert (found.by, found.guarded, found.model) == (By.PATH, True, model)
    assert found.target == b"/v1/models?x=%2F"


@pytest.mark.parametrize(
    "path",
    ["/sleep?level=1", "/wake_up", "/collective_rpc", "/", "", "/v1/../sleep", "/v1/%2e%2e/sleep"],
)
def test_no_caller_reaches_what_operates_an_engine(path: str) -> None:
    found = way(b"POST", f"/runtime/models/m{path}".encode())
    assert found is not None
    assert (found.by, found.guarded) == (By.NOTHING, True), "the control API says 404"
    for open_ in ("/v1/completions", "/v2/health", "/rerank", "/tokenize", "/health"):
        led = way(b"POST", f"/runtime/models/m{open_}".encode())
        assert led is not None
        assert (led.by, led.model) == (By.PATH, "m")


def canonical(path: str) -> list[str]:
    """A path as a lenient server may read it."""
    parts: list[str] = []
    for part in unquote(unquote(path)).replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return parts


pieces = st.sampled_from(
    ["/", "api", "v1", ".", "..", "%61pi", "%2e%2e", "%2F", "%252e", "x", "\\", "//", "?", "models"]
)


@given(st.lists(pieces, max_size=8).map(lambda ps: "/" + "".join(ps)))
@example("/x/../api/keys")
@example("/%61pi/keys")
@example("//api")
def test_no_spelling_of_a_guarded_path_escapes_the_key(target: str) -> None:
    found = way(b"GET", target.encode())
    assert found is not None
    parts = canonical(target.partition("?")[0])
    if parts and parts[0] in ("api", "v1"):
        assert found.guarded


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://h:1/v1/models", b"/v1/models"),
        (b"HTTPS://h", b"/"),
        (b"http://h?q=/x", b"/?q=/x"),
        (b"http://h/api/x?y", b"/api/x?y"),
    ],
)
def test_an_absolute_target_is_brought_to_its_path(target: bytes, path: bytes) -> None:
    assert way(b"GET", target) == way(b"GET", path)


@pytest.mark.parametrize("target", [b"*", b"h:80", b"", b"ftp://h/x"])
def test_what_is_no_path_has_no_way(target: bytes) -> None:
    assert way(b"GET", target) is None


def test_names_aliases_and_which_wins() -> None:
    table = Table("", {"a": Model("ready"), "b": Model("ready", aliases=("a", "c"))})
    routes = Routes(table)
    assert [routes.id_of(n) for n in ("a", "b", "c", "d")] == ["a", "b", "b", None]


def test_keys() -> None:
    assert not Routes(Table("")).needs_key
    routes = Routes(Table("", keys=(Key(hashlib.sha256(b"secret").hexdigest(), "me"),)))
    assert routes.caller(b"secret") is not None
    assert routes.caller(b"Secret") is None
    assert routes.caller(b"") is None
    assert routes.caller(None) is None


def test_ready_means_that_some_engine_answers() -> None:
    assert is_ready(Model("ready", backends=(Backend("b", "h", 1),)))
    assert not is_ready(Model("ready"))
    assert not is_ready(Model("loading", backends=(Backend("b", "h", 1),)))
    assert not is_ready(None)
