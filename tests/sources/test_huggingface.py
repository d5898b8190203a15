"""The Hub's answers as ours: what is listed, what is refused and why, who gets the token."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.patience import Patience
from ostler.errors import (
    AuthRequired,
    FileNotInRepo,
    GatedRepo,
    HubUnreachable,
    ModelNotFound,
    OstlerError,
    RevisionNotFound,
    TokenRejected,
)
from ostler.nouns import Listing, RemoteFile
from ostler.sources.huggingface import HuggingFace, greeting, refusals, stored_token
from ostler.testing.faults import Answer, CutAfter, Faults, IgnoreRange, RedirectTo, ReplaceHeader
from ostler.testing.server import running

Hub = Any  # the fixture of tests/conftest.py
QUICK = Patience(attempts=3, first=0.01)


@pytest.fixture
def at(hub: Hub) -> Iterator[Callable[..., HuggingFace]]:
    """Give a source at the hub, with the token that the test wants."""
    opened: list[HuggingFace] = []

    def source(token: str | None = None) -> HuggingFace:
        opened.append(HuggingFace(hub.address, token, QUICK))
        return opened[-1]

    yield source
    for one in opened:
        one.close()


def read(source: HuggingFace, listing: Listing, path: str, start: int = 0) -> tuple[int, bytes]:
    with source.open(listing, file_of(listing, path), start) as body:
        return body.start, b"".join(body.chunks())


def file_of(listing: Listing, path: str) -> RemoteFile:
    return next(file for file in listing.files if file.path == path)


def test_a_listing_names_every_file_with_its_hash(hub: Hub, at: Any) -> None:
    listing = at().listing(refs.parse("acme/tiny"))
    assert len(listing.commit) == 40
    assert (listing.name, listing.revision, listing.licence) == ("acme/tiny", "main", "apache-2.0")
    assert listing.task == "text-generation"
    shard = file_of(listing, "model-00001-of-00002.safetensors")
    assert shard.sha256
    assert shard.git_sha1 is None  # it would be the pointer's, and say nothing of the bytes
    config = file_of(listing, "config.json")
    assert config.git_sha1
    assert config.sha256 is None
    assert config.size == hub.path("acme/tiny/config.json").stat().st_size


def test_a_mirror_without_sizes_on_the_page_is_listed_the_long_way(hub: Hub, at: Any) -> None:
    whole = at().listing(refs.parse("acme/tiny"))
    hub.faults.add("/api/models/acme/tiny/revision/main", _without_blobs)
    assert at().listing(refs.parse("acme/tiny")) == whole
    assert hub.faults.asked("*/tree/*")


async def _without_blobs(app: Any, scope: Any, receive: Any, send: Any) -> None:
    await app({**scope, "query_string": b""}, receive, send)


def test_a_renamed_repository_is_followed(at: Any) -> None:
    listing = at().listing(refs.parse("acme/Meta-tiny"))
    assert (listing.name, listing.asked_name) == ("acme/tiny", "acme/Meta-tiny")


def test_a_commit_is_no_branch(at: Any) -> None:
    commit = at().listing(refs.parse("acme/tiny@v1")).commit
    pinned = at().listing(refs.parse(f"acme/tiny@{commit}"))
    assert (pinned.commit, pinned.revision) == (commit, None)


@pytest.mark.parametrize(
    ("ref", "token", "kind", "says"),
    [
        ("acme/nope", None, ModelNotFound, "no model acme/nope"),
        ("acme/nope", "hf_a_member", ModelNotFound, "no model acme/nope"),
        ("acme/tiny@nope", None, RevisionNotFound, "no branch, tag or commit 'nope'"),
        ("acme/tiny", "hf_wrong", TokenRejected, "does not accept the token"),
        ("acme/nope", "hf_wrong", TokenRejected, "does not accept the token"),
        ("other/private", None, ModelNotFound, "not for you to see"),
    ],
)
def test_refused_listings(
    at: Any, ref: str, token: str | None, kind: type[OstlerError], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        at(token).listing(refs.parse(ref))
    assert type(caught.value) is kind
    assert caught.value.hint


@pytest.mark.parametrize("token", [None, "hf_a_member"])
def test_a_gated_repository_says_where_to_ask(hub: Hub, at: Any, token: str | None) -> None:
    source = at(token)
    listing = source.listing(refs.parse("acme/gated"))
    assert listing.gated == "manual"
    with pytest.raises(GatedRepo) as caught:
        read(source, listing, "model.safetensors")
    assert f"{hub.address}/acme/gated" in caught.value.hint
    assert caught.value.exit_code == 5


def test_consent_opens_it(hub: Hub, at: Any) -> None:
    source = at(hub.granted)
    listing = source.listing(refs.parse("acme/gated"))
    content = hub.path("acme/gated/model.safetensors").read_bytes()
    assert read(source, listing, "model.safetensors") == (0, content)


def test_a_bare_401_is_not_blamed_on_a_token_that_was_not_sent(hub: Hub, at: Any) -> None:
    hub.faults.add("/api/models/*", Answer(401))
    with pytest.raises(AuthRequired, match="or has no such model"):
        at().listing(refs.parse("acme/tiny"))
    with pytest.raises(TokenRejected):
        at("hf_a_member").listing(refs.parse("acme/tiny"))


def test_a_file_that_is_gone(at: Any) -> None:
    source = at()
    listing = source.listing(refs.parse("acme/tiny"))
    gone = RemoteFile("nope.bin", 1, sha256="0" * 64)
    with pytest.raises(FileNotInRepo, match="no file nope"), source.open(listing, gone):
        pass


def test_a_range_begins_where_it_was_asked(hub: Hub, at: Any) -> None:
    source, path = at(), "tiny-Q4_K_M.gguf"
    listing = source.listing(refs.parse("acme/tiny-GGUF"))
    content = hub.path(f"acme/tiny-GGUF/{path}").read_bytes()
    assert read(source, listing, path, 1000) == (1000, content[1000:])
    with source.open(listing, file_of(listing, path), 10, 20) as body:
        assert (body.start, body.size) == (10, len(content))
        assert b"".join(body.chunks()) == content[10:20]


def test_a_server_that_ignores_or_refuses_the_range_says_so_by_its_start(hub: Hub, at: Any) -> None:
    source, path = at(), "tiny-Q4_K_M.gguf"
    listing = source.listing(refs.parse("acme/tiny-GGUF"))
    content = hub.path(f"acme/tiny-GGUF/{path}").read_bytes()
    hub.faults.add(f"*/{path}", IgnoreRange(), times=1)
    assert read(source, listing, path, 1000) == (0, content)
    hub.faults.add(f"*/{path}", Answer(416), times=1)
    assert read(source, listing, path, 1000) == (0, content)


def test_a_cut_is_an_unreachable_hub_and_loses_no_byte_that_came(hub: Hub, at: Any) -> None:
    source, path = at(), "tiny-Q4_K_M.gguf"
    listing = source.listing(refs.parse("acme/tiny-GGUF"))
    hub.faults.add(f"*/{path}", CutAfter(100_000), times=1)
    got: list[bytes] = []
    with (
        source.open(listing, file_of(listing, path)) as body,
        pytest.raises(HubUnreachable, match="sent no more of tiny-Q4_K_M"),
    ):
        got.extend(body.chunks())
    assert len(b"".join(got)) == 100_000


def test_a_busy_hub_is_asked_again_and_then_named(hub: Hub, at: Any) -> None:
    hub.faults.add("/api/models/acme/*", Answer(503), times=2)
    assert at().listing(refs.parse("acme/tiny")).files
    hub.faults.add("/api/models/acme/*", Answer(429, {"Retry-After": "100000"}))
    with pytest.raises(HubUnreachable, match=r"429 \(too many requests\).*100000 s") as caught:
        at().listing(refs.parse("acme/tiny"))
    assert caught.value.facts["retry_after"] == 100000
    assert len(hub.faults.asked("/api/models/acme/*")) == 4  # the last was not repeated


def test_a_dead_hub_is_named_at_once() -> None:
    with closing(HuggingFace("http://127.0.0.1:1", patience=Patience(first=60))) as source:
        with pytest.raises(HubUnreachable, match=r"http://127\.0\.0\.1:1 did not answer") as caught:
            source.listing(refs.parse("acme/tiny"))
        assert caught.value.exit_code == 12
        found = source.search("tiny", 3)
    assert found.local_results_only
    assert "127.0.0.1:1" in str(found.hub_error)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"[]", b'{"a": 1}', gzip.compress(b"x"), b"[" * 100_000]
)
def test_something_that_is_no_hub_is_said_to_be_none(hub: Hub, at: Any, body: bytes) -> None:
    hub.faults.add("/api/models/*", Answer(200, body=body))
    with pytest.raises(HubUnreachable, match="not as a Hugging Face Hub"):
        at().listing(refs.parse("acme/tiny"))


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_without_an_end_is_not_read_on(
    hub: Hub, at: Any, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr("ostler.sources.LONGEST_ANSWER", 100_000)
    spaces = b" " * 1_000_000
    body, headers = (
        (gzip.compress(spaces), {"content-encoding": "gzip"}) if packed else (spaces, {})
    )
    hub.faults.add("/api/models*", Answer(200, headers, body))
    with pytest.raises(HubUnreachable, match="it sent more than 100,000 bytes"):
        at().listing(refs.parse("acme/tiny"))
    assert "100,000" in str(at().search("tiny", 3).hub_error)


@pytest.mark.parametrize(
    ("body", "name"), [(b'{"name": "ada"}', "ada"), (b"{", ""), (b"[1]", ""), (b"[" * 100_000, "")]
)
def test_a_greeting_takes_a_hub_as_it_is(hub: Hub, body: bytes, name: str) -> None:
    hub.faults.add("/api/whoami-v2", Answer(200, body=body))
    found = greeting.greet(hub.address, None)
    assert (found.error, found.name) == ("", name)
    assert found.skewed


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:07 GMT", 7.0),
        ("Thu, 01 Jan 1970 00:00:07 -0000", 7.0),
        ("some day", None),
        ("", None),
    ],
)
def test_the_date_of_a_greeting(date: str, seconds: float | None) -> None:
    assert greeting.seconds(date) == seconds


FILE = {"rfilename": "config.json", "size": 2, "blobId": "a" * 40}
LARGE = FILE | {"lfs": {"sha256": "b" * 64, "size": 2}}


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"siblings": [FILE | {"blobId": "../../up"}]}, "'../../up' is no hash"),
        ({"siblings": [LARGE | {"lfs": {"sha256": "../up", "size": 2}}]}, "'../up' is no hash"),
        ({"siblings": [FILE | {"size": -1}]}, "-1 is no size"),
        ({"siblings": [FILE | {"size": 2**63}]}, "is no size"),
        ({"sha": "../../up"}, "'../../up' is no commit"),
        ({"sha": None}, "not as a Hugging Face Hub"),
        ({"id": "../../up"}, "not a repository id"),
    ],
)
def test_what_a_hub_says_is_no_path_before_it_is_looked_at(
    hub: Hub, at: Any, page: dict[str, Any], says: str
) -> None:
    sound = {"id": "acme/tiny", "sha": "1" * 40, "siblings": [FILE, LARGE]}
    hub.faults.add("/api/models/*", Answer(200, body=json.dumps(sound).encode()), times=1)
    assert len(at().listing(refs.parse("acme/tiny")).files) == 2
    hub.faults.add("/api/models/*", Answer(200, body=json.dumps(sound | page).encode()))
    with pytest.raises(HubUnreachable, match=says):
        at().listing(refs.parse("acme/tiny"))


def test_the_token_goes_to_the_hubs_origin_only(hub: Hub, at: Any) -> None:
    elsewhere = Faults(hub.faults.app)
    source, path = at(hub.token), "tiny-Q4_K_M.gguf"
    listing = source.listing(refs.parse("acme/tiny-GGUF"))
    with running(elsewhere) as address:
        hub.faults.add(f"*/{path}", RedirectTo(address))
        start, content = read(source, listing, path)
    assert content == hub.path(f"acme/tiny-GGUF/{path}").read_bytes()
    assert start == 0
    asked_here, asked_there = hub.faults.asked(f"*/{path}"), elsewhere.asked(f"*/{path}")
    assert asked_here[0].headers["authorization"] == f"Bearer {hub.token}"
    assert len(asked_there) == 1
    assert "authorization" not in asked_there[0].headers
    assert all(hub.token not in request.query + request.path for request in asked_here)


def test_where_a_hub_sends_us_is_asked_at_once_until_it_refuses(hub: Hub, at: Any) -> None:
    source, path = at(hub.token), "tiny-Q4_K_M.gguf"
    listing = source.listing(refs.parse("acme/tiny-GGUF"))
    elsewhere = Faults(hub.faults.app)
    with running(elsewhere) as other:
        hub.faults.add(f"*/{path}", RedirectTo(other))
        for start in (0, 1000, 2000):
            assert read(source, listing, path, start)[0] == start
        assert len(hub.faults.asked(f"*/{path}", "GET")) == 1
        elsewhere.add("*", Answer(403), times=1)  # as an address that was signed for an hour
        assert read(source, listing, path, 3000)[0] == 3000
        assert len(hub.faults.asked(f"*/{path}", "GET")) == 2
    assert all("authorization" not in request.headers for request in elsewhere.requests)
    hub.faults.clear()
    with pytest.raises(HubUnreachable):
        read(source, listing, path)  # that place is away
    assert read(source, listing, path)[0] == 0  # and the hub is asked again


def test_a_proxy_is_used_where_one_is_set(
    hub: Hub, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", hub.address)
    monkeypatch.setenv("no_proxy", "")
    with closing(HuggingFace("http://hub.example", hub.token, QUICK)) as source:
        listing = source.listing(refs.parse("acme/tiny-GGUF"))
        start, content = read(source, listing, "tiny-Q4_K_M.gguf", 1000)
    assert start == 1000
    assert content == hub.path("acme/tiny-GGUF/tiny-Q4_K_M.gguf").read_bytes()[1000:]
    assert {request.headers["host"] for request in hub.faults.requests} == {"hub.example"}


def test_without_a_token_the_stored_one_is_not_sent(
    hub: Hub, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    assert stored_token() == "hf_of_the_user"
    source = at()
    read(source, source.listing(refs.parse("acme/tiny")), "config.json")
    assert not any("authorization" in request.headers for request in hub.faults.requests)


def test_search(hub: Hub, at: Any) -> None:
    found = at().search("tiny", 1)
    assert found.hub_error is None
    assert [one.name for one in found.results] == ["acme/tiny"]
    assert found.results[0].licence == "apache-2.0"
    assert found.results[0].size == sum(
        file.size for file in at().listing(refs.parse("acme/tiny")).files
    )
    hub.faults.add("/api/models", Answer(429, {"Retry-After": "7"}))
    assert at().search("tiny", 1).retry_after == 7


def test_nothing_is_written_past_our_own_output(hub: Hub) -> None:
    """In a process of its own, since the client takes hold of stderr when it is imported."""
    hub.faults.add("/api/*", ReplaceHeader("X-HF-Warning", "tests; the client prints this"))
    code = (
        "import sys\n"
        "from ostler.core import refs\n"
        "from ostler.sources.huggingface import HuggingFace\n"
        "HuggingFace(sys.argv[1]).listing(refs.parse('acme/tiny'))\n"
    )
    words = [sys.executable, "-c", code, hub.address]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7.0), ("soon", None), ("-1", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert refusals.retry_after(text) == seconds
