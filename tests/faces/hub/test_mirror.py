"""A mirror: one download from outside, given on while it comes; offline when outside is gone."""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from huggingface_hub import HfApi, snapshot_download

from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.kept import KeptRepos
from ostler.faces.hub.mirror import Mirror
from ostler.faces.hub.visitors import Door
from ostler.nouns import ModelRef
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.testing.faults import Answer, CutAfter, FlipByte, Stall
from ostler.testing.server import running
from ostler.verbs import downloads
from ostler.verbs.arrivals import Arrivals

QUICK = Patience(attempts=3, first=0.01)
OPERATOR = "hf_an_operator"
NAME, FILE = "acme/tiny", "extra/weights.bin"
Mirrored = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "mirror")


@pytest.fixture
def mirror(hub: Any, store: Store) -> Iterator[Mirrored]:
    """Run a mirror of the hub; what is said of its door is the test's."""
    with ExitStack() as stack:

        def start(door: Door | None = None, token: str | None = None) -> str:
            source = stack.enter_context(closing(HuggingFace(hub.address, token, QUICK)))
            arrivals = stack.enter_context(closing(Arrivals(source, store, hub.address, QUICK)))
            kept = KeptRepos(store)
            app = hub_app(kept, door or Door(all_operate=True), Mirror(kept, source, arrivals))
            return stack.enter_context(running(app))

        yield start


def large(hub: Any, size: int) -> bytes:
    """Put a large file into the hub's repository, and return its bytes."""
    content = Random(2).randbytes(size)
    hub.path(f"{NAME}/{FILE}").write_bytes(content)
    return content


def get(address: str, path: str, token: str = "", **headers: str) -> tuple[int, bytes]:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/{path}", headers={**bearer, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def resolve(name: str, file: str) -> str:
    return f"{name}/resolve/main/{file}"


def test_many_ask_and_one_download_comes_from_outside(
    hub: Any, mirror: Mirrored, store: Store
) -> None:
    address, content = mirror(), large(hub, 600_000)
    stall = Stall(after=1000)
    hub.faults.add(f"*/{FILE}", stall)
    got: list[tuple[int, bytes]] = []
    readers = [
        threading.Thread(target=lambda: got.append(get(address, resolve(NAME, FILE))))
        for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    assert stall.reached.wait(20)
    stall.released.set()
    for reader in readers:
        reader.join()
    assert got == [(200, content)] * 8
    assert len(hub.faults.asked(f"*/resolve/*/{FILE}", "GET")) == 1
    assert [file.path for file in store.manifests()[0].files] == [FILE]
    assert get(address, resolve(NAME, FILE), Range="bytes=5-9") == (206, content[5:10])


def test_readers_get_bytes_before_the_last_has_come(hub: Any, mirror: Mirrored) -> None:
    content = large(hub, 3 * BLOCK)
    address, stall = mirror(), Stall(after=2 * BLOCK + 1000)
    hub.faults.add(f"*/{FILE}", stall)
    with urllib.request.urlopen(f"{address}/{resolve(NAME, FILE)}", timeout=30) as answer:
        assert stall.reached.wait(20)
        early = answer.read(BLOCK)
        assert not stall.released.is_set()
        stall.released.set()
        assert early + answer.read() == content


def test_nobody_is_given_the_whole_of_a_wrong_file(
    hub: Any, mirror: Mirrored, store: Store
) -> None:
    large(hub, 2 * BLOCK)
    hub.faults.add(f"*/{FILE}", FlipByte(BLOCK + 5))
    address = mirror()
    with (
        pytest.raises((urllib.error.HTTPError, http.client.IncompleteRead)),
        urllib.request.urlopen(f"{address}/{resolve(NAME, FILE)}", timeout=30) as answer,
    ):
        answer.read()
    assert store.manifests() == []


def test_a_cut_outside_is_not_seen_inside(hub: Any, mirror: Mirrored) -> None:
    content = large(hub, 600_000)
    hub.faults.add(f"*/{FILE}", CutAfter(200_000), times=1)
    assert get(mirror(), resolve(NAME, FILE)) == (200, content)
    assert len(hub.faults.asked(f"*/resolve/*/{FILE}", "GET")) == 2


def test_outside_gone_what_was_asked_for_stays(hub: Any, mirror: Mirrored, tmp_path: Path) -> None:
    address = mirror()
    api = HfApi(endpoint=address, token=False)
    first = snapshot_download("acme/tiny", endpoint=address, cache_dir=tmp_path / "a", token=False)
    hub.faults.add("*", Answer(503))
    offline = mirror()
    again = snapshot_download("acme/tiny", endpoint=offline, cache_dir=tmp_path / "b", token=False)
    assert files_of(Path(first)) == files_of(Path(again)) != {}
    assert get(offline, resolve("acme/none", "x"))[0] == 502
    assert api.model_info("acme/tiny").sha == Path(first).name


def test_reading_by_token_and_fetching_by_operators_alone(
    hub: Any, mirror: Mirrored, store: Store
) -> None:
    door = Door(tokens={"hf_reader"}, closed=True, operators={OPERATOR})
    address = mirror(door)
    asked = resolve("acme/tiny", "config.json")
    assert get(address, asked)[0] == 401
    assert get(address, asked, "hf_wrong")[0] == 401
    assert get(address, asked, "hf_reader")[0] == 404
    assert not hub.faults.requests
    assert get(address, asked, OPERATOR)[0] == 200
    assert get(address, asked, "hf_reader")[0] == 200
    other = resolve("acme/tiny", "tokenizer.json")
    assert get(address, other, "hf_reader")[0] == 404
    assert len(hub.faults.asked("*/resolve/*", "GET")) == 1


def test_gated_and_private_are_passed_on(hub: Any, mirror: Mirrored) -> None:
    door = Door(tokens={"hf_reader"}, operators={OPERATOR})
    address = mirror(door, hub.granted)
    gated, private = resolve("acme/gated", "README.md"), resolve("other/private", "README.md")
    assert [get(address, one, OPERATOR)[0] for one in (gated, private)] == [200, 200]
    assert [get(address, one, "hf_reader")[0] for one in (gated, private)] == [403, 200]
    assert [get(address, one)[0] for one in (gated, private)] == [401, 401]


def test_consent_that_the_mirror_lacks_is_refused_in_its_words(mirror: Mirrored) -> None:
    status, said = get(
        mirror(Door(operators={OPERATOR})), resolve("acme/gated", "README.md"), OPERATOR
    )
    assert status == 403
    assert b"consent" in said


def test_the_hub_outside_moves_on_and_both_commits_are_kept(
    hub: Any, mirror: Mirrored, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostler.faces.hub.mirror.FRESH", 0.0)
    address = mirror()
    assert get(address, resolve("acme/tiny", "config.json"))[0] == 200
    hub.path("acme/tiny/config.json").write_bytes(b"{}")
    assert get(address, resolve("acme/tiny", "config.json")) == (200, b"{}")
    assert get(address, "acme/tiny/resolve/v1/config.json") == (200, b"{}")
    assert len(store.manifests()) == 3
    moved = get(address, resolve("acme/Meta-tiny", "config.json"))
    assert moved == (200, b"{}")


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_comes_is_told_like_any_download_and_can_be_ended(
    hub: Any, mirror: Mirrored, store: Store
) -> None:
    content = large(hub, 2 * BLOCK + 5)
    stall = Stall(after=BLOCK + 1000)
    hub.faults.add(f"*/{FILE}", stall, times=1)
    address = mirror()
    with urllib.request.urlopen(f"{address}/{resolve(NAME, FILE)}", timeout=30) as answer:
        assert answer.read(BLOCK) == content[:BLOCK]  # the first block is proven and on its way
        assert stall.reached.is_set()
        until = time.monotonic() + 20
        while not (told := store.downloads.all()) and time.monotonic() < until:
            time.sleep(0.05)
        (one,) = told
        assert (one.name, one.variant, one.running) == (NAME, FILE, True)
        assert one.words[1:] == ("--include", FILE, "--endpoint", hub.address)
        assert downloads.cancel(store, one, purge=False) == 0
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    (left,) = store.downloads.all()
    assert (left.state, left.running) == ("cancelled", False)
    assert get(address, resolve(NAME, FILE)) == (200, content)  # who asks again begins it again
    assert store.downloads.all() == []


def test_a_mirror_that_goes_down_waits_for_no_silent_hub(hub: Any, store: Store) -> None:
    large(hub, BLOCK)
    stall = Stall(after=1000)
    hub.faults.add(f"*/{FILE}", stall)
    with closing(HuggingFace(hub.address, None, QUICK)) as source:
        listing = source.listing(ModelRef(NAME))
        (file,) = [one for one in listing.files if one.path == FILE]
        with closing(Arrivals(source, store, hub.address, QUICK)) as arrivals:
            arrival = arrivals.bring(listing, file)
            assert stall.reached.wait(20)
            began = time.monotonic()
    assert time.monotonic() - began < 5  # its connection alone would have been given up after 30
    assert arrival.failed
