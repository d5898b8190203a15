"""Pulls from a real hub that misbehaves: what is kept is right, and nothing is fetched twice."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import (
    ChecksumMismatch,
    CorruptFile,
    GatedRepo,
    HubUnreachable,
    IncompleteShards,
    InsufficientDisk,
    QuantizationNotFound,
    UsageError,
)
from ostler.nouns import Manifest
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.testing.faults import Answer, CutAfter, FlipByte, IgnoreRange, Stall
from ostler.verbs import pull
from ostler.verbs.progress import Progress, Step
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
QUICK = Patience(attempts=3, first=0.01)
GGUF, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
SIZE = 300_004


@pytest.fixture
def source(hub: Hub) -> Iterator[HuggingFace]:
    with closing(HuggingFace(hub.address, patience=QUICK)) as one:
        yield one


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def pulled(ref: str, source: HuggingFace, store: Store, **options: Any) -> Manifest:
    plan = pull.plan(refs.parse(ref), source, store)
    return pull.carry_out(plan, source, store, patience=QUICK, **options)


def leave_partial(hub: Hub, source: HuggingFace, store: Store, count: int = 100_000) -> None:
    """Break a pull off so that exactly `count` bytes of FILE stay behind."""
    hub.faults.add(f"*/{FILE}", CutAfter(count), times=1)
    hub.faults.add(f"*/{FILE}", Answer(503), times=QUICK.attempts)
    with pytest.raises(HubUnreachable):
        pulled(GGUF, source, store)
    assert store.manifests() == []
    assert part_of_file(hub, store).stat().st_size == count
    hub.faults.clear()


def part_of_file(hub: Hub, store: Store) -> Path:
    content = hub.path(f"{GGUF}/{FILE}").read_bytes()
    return store.home / "partial" / f"{hashlib.sha256(content).hexdigest()}.part"


def asked_ranges(hub: Hub) -> list[str | None]:
    return [request.headers.get("range") for request in hub.faults.asked(f"*/{FILE}", "GET")]


def test_a_pull_ends_with_a_verified_manifest(hub: Hub, source: HuggingFace, store: Store) -> None:
    events: list[Progress] = []
    manifest = pulled("acme/tiny", source, store, report=events.append, origin=hub.address)
    assert store.manifests() == [manifest]
    assert verify(store, manifest) == ()
    for file in manifest.files:
        content = (store.folder(manifest) / file.path).read_bytes()
        assert content == hub.path(f"acme/tiny/{file.path}").read_bytes()
    assert (manifest.licence, manifest.origin) == ("apache-2.0", hub.address)
    assert manifest.pulled_at.endswith("+00:00")
    assert events[-1].total_done == events[-1].total_size == manifest.size
    assert {event.path for event in events if event.step is Step.DONE} == {
        file.path for file in manifest.files
    }


def test_a_dry_run_writes_nothing(source: HuggingFace, store: Store) -> None:
    plan = pull.plan(refs.parse(f"{GGUF}#q8_0"), source, store)
    assert plan.fetch_bytes > 600_000
    assert pull.room(plan, store).fits
    assert not store.home.exists()


def test_a_second_pull_fetches_nothing_and_registers_again(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    first = pulled(GGUF, source, store)
    hub.faults.clear()
    plan = pull.plan(refs.parse(GGUF), source, store)
    assert plan.fetch == ()
    again = pull.carry_out(plan, source, store)
    assert replace(again, pulled_at=first.pulled_at) == first
    assert hub.faults.asked("*/resolve/*") == []


def test_the_quantization_is_asked_for_in_one_place(source: HuggingFace, store: Store) -> None:
    ref = refs.parse(f"{GGUF}#q8_0")
    assert pull.plan(ref, source, store, pull.Options(quant="Q8_0")).variant == "q8_0"
    with pytest.raises(UsageError, match="#q8_0 and --quant says q4_k_m"):
        pull.plan(ref, source, store, pull.Options(quant="q4_k_m"))


def test_a_second_quantization_joins_the_first(source: HuggingFace, store: Store) -> None:
    pulled(f"{GGUF}#q4_k_m", source, store)
    pulled(f"{GGUF}#q8_0", source, store)
    assert [variant.name for _, variant in store.models()] == ["q4_k_m", "q8_0"]
    assert len(store.manifests()) == 1


def test_what_another_repository_has_is_not_fetched(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    pulled("acme/tiny", source, store)
    pulled(GGUF, source, store)  # with the same README
    assert len(hub.faults.asked("*/README.md", "GET")) == 1


def test_a_broken_off_pull_goes_on_where_it_stopped(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    leave_partial(hub, source, store)
    plan = pull.plan(refs.parse(GGUF), source, store)
    assert pull.room(plan, store).needed == plan.fetch_bytes - 100_000
    events: list[Progress] = []
    manifest = pull.carry_out(plan, source, store, report=events.append)
    assert asked_ranges(hub) == ["bytes=100000-"]
    assert any(event.step is Step.RESUMED and event.done == 100_000 for event in events)
    assert verify(store, manifest) == ()


def test_cuts_and_refusals_on_the_way_are_ridden_out(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", Answer(503), times=2)
    hub.faults.add(f"*/{FILE}", CutAfter(1000), times=1)
    hub.faults.add(f"*/{FILE}", Answer(429, {"Retry-After": "0"}), times=1)
    hub.faults.add(f"*/{FILE}", CutAfter(200_000), times=1)
    events: list[Progress] = []
    manifest = pulled(GGUF, source, store, report=events.append)
    assert asked_ranges(hub) == [None] * 3 + ["bytes=1000-"] * 2 + ["bytes=201000-"]
    assert sum(event.step is Step.RETRY for event in events) == 5
    assert verify(store, manifest) == ()


def test_a_hub_that_stays_broken_is_the_cause(hub: Hub, source: HuggingFace, store: Store) -> None:
    hub.faults.add(f"*/{FILE}", Answer(500))
    with pytest.raises(HubUnreachable, match="answered 500"):
        pulled(GGUF, source, store)
    assert len(asked_ranges(hub)) == QUICK.attempts
    assert store.manifests() == []


def test_a_wrong_byte_is_never_kept(hub: Hub, source: HuggingFace, store: Store) -> None:
    hub.faults.add(f"*/{FILE}", FlipByte(123_456))
    with pytest.raises(ChecksumMismatch, match=FILE.partition(".")[0]) as caught:
        pulled(GGUF, source, store)
    assert caught.value.facts["expected"] != caught.value.facts["got"]
    assert store.manifests() == []
    assert not part_of_file(hub, store).exists()
    assert len(asked_ranges(hub)) == 1
    hub.faults.clear()
    assert verify(store, pulled(GGUF, source, store)) == ()


def test_a_wrong_small_file_is_found_by_its_git_hash(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add("*/config.json", FlipByte(3))
    with pytest.raises(ChecksumMismatch, match=r"config\.json"):
        pulled("acme/tiny", source, store)
    assert store.manifests() == []


def test_what_the_journal_does_not_prove_is_fetched_anew(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    leave_partial(hub, source, store)
    part_of_file(hub, store).write_bytes(b"x" * 100_000)
    assert verify(store, pulled(GGUF, source, store)) == ()
    assert asked_ranges(hub) == [None]  # the journal does not prove it, so it was not trusted


def test_a_resumed_file_that_stays_wrong_is_given_up(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    leave_partial(hub, source, store)
    hub.faults.add(f"*/{FILE}", FlipByte(200_000))
    with pytest.raises(ChecksumMismatch):
        pulled(GGUF, source, store)
    assert asked_ranges(hub) == ["bytes=100000-", None]
    assert not part_of_file(hub, store).exists()


def test_a_partial_longer_than_the_file_is_not_trusted(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    leave_partial(hub, source, store)
    part_of_file(hub, store).write_bytes(b"x" * (SIZE + 1))
    assert verify(store, pulled(GGUF, source, store)) == ()


def test_a_whole_file_instead_of_the_rest_is_not_spliced(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    leave_partial(hub, source, store)
    hub.faults.add(f"*/{FILE}", IgnoreRange())
    events: list[Progress] = []
    manifest = pulled(GGUF, source, store, report=events.append)
    assert verify(store, manifest) == ()
    assert len(asked_ranges(hub)) == 1
    assert any(event.step is Step.RESTARTED for event in events)


def test_another_length_is_refused_before_its_bytes_are_taken(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", Answer(200, body=b"<html>a captive portal</html>"))
    with pytest.raises(ChecksumMismatch, match=f"{SIZE} bytes.*29 bytes"):
        pulled(GGUF, source, store)
    assert not part_of_file(hub, store).exists()


def test_more_bytes_than_the_hub_listed_are_not_taken(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.faults.add(f"*/{FILE}", _endless)
    with pytest.raises(ChecksumMismatch, match="more bytes"):
        pulled(GGUF, source, store)


async def _endless(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Send more than the file has, without saying how much it will be."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * (SIZE + 1)})


def test_a_gated_file_stops_the_others_and_nothing_is_registered(
    source: HuggingFace, store: Store
) -> None:
    with pytest.raises(GatedRepo):
        pulled("acme/gated", source, store)
    assert store.manifests() == []


def test_a_plan_that_cannot_be_is_refused_before_any_byte(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    hub.path("acme/tiny/model-00002-of-00002.safetensors").unlink()
    with pytest.raises(IncompleteShards, match="00002-of-00002"):
        pulled("acme/tiny", source, store)
    with pytest.raises(QuantizationNotFound):
        pulled(f"{GGUF}#q6_k", source, store)
    assert hub.faults.asked("*/resolve/*") == []
    assert not store.home.exists()


def test_the_disk_is_asked_before_the_first_byte(
    hub: Hub, source: HuggingFace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = pull.plan(refs.parse(GGUF), source, store)
    reserve = 50 * 2**20  # 5 % of 1000 MiB, which is less than 1 GiB
    monkeypatch.setattr(store, "disk", lambda: (reserve + plan.fetch_bytes - 1, 1000 * 2**20))
    with pytest.raises(InsufficientDisk, match="stay free") as caught:
        pull.carry_out(plan, source, store)
    assert caught.value.facts["reserve"] == reserve
    assert caught.value.facts["needed"] == plan.fetch_bytes
    assert hub.faults.asked("*/resolve/*") == []
    monkeypatch.setattr(store, "disk", lambda: (reserve + plan.fetch_bytes, 1000 * 2**20))
    pull.carry_out(plan, source, store)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
def test_a_disk_that_becomes_full_on_the_way(source: HuggingFace, store: Store) -> None:
    plan = pull.plan(refs.parse(GGUF), source, store)
    part = store.home / "partial" / f"{plan.fetch[-1].file.sha256}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(InsufficientDisk, match="became full"):
        pull.carry_out(plan, source, store)
    assert store.manifests() == []
    part.unlink()
    pulled(GGUF, source, store)


def test_the_check_sees_each_file_before_it_is_kept(source: HuggingFace, store: Store) -> None:
    def check(path: str, place: Path) -> None:
        if path == FILE:
            assert place.stat().st_size == SIZE
            raise CorruptFile(f"{path} has no header.")

    with pytest.raises(CorruptFile):
        pulled(GGUF, source, store, check=check)
    assert store.manifests() == []
    assert not any(size == SIZE for _, size in store.blobs.all())


@pytest.mark.parametrize("second", [GGUF, "other/copy"])
def test_two_pulls_of_the_same_bytes_at_once_fetch_them_once(
    hub: Hub, source: HuggingFace, store: Store, second: str
) -> None:
    shutil.copytree(hub.path(GGUF), hub.path("other/copy"))
    stall = Stall(after=1000)
    hub.faults.add(f"*/{FILE}", stall, times=1)
    waiting = threading.Event()

    def told(event: Progress) -> None:
        if event.step is Step.WAITING:
            waiting.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pulled, GGUF, source, store)
        assert stall.reached.wait(10)
        later = pool.submit(pulled, second, source, store, report=told)
        assert waiting.wait(10)
        stall.released.set()
        manifests = [first.result(20), later.result(20)]
    assert asked_ranges(hub) == [None]
    assert [verify(store, manifest) for manifest in manifests] == [(), ()]
    assert store.partials.names() == []


def test_one_worker_fetches_one_file_after_the_other(
    hub: Hub, source: HuggingFace, store: Store
) -> None:
    order: list[tuple[Step, str]] = []
    pulled("acme/tiny", source, store, workers=1,
           report=lambda event: order.append((event.step, event.path)))  # fmt: skip
    steps = [entry for entry in order if entry[0] in (Step.STARTED, Step.DONE)]
    assert [step for step, _ in steps] == [Step.STARTED, Step.DONE] * 7
    assert all(steps[at][1] == steps[at + 1][1] for at in range(0, 14, 2))


KILLED = """
import sys
from pathlib import Path
from ostler.core import refs
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import pull

source, store = HuggingFace(sys.argv[1]), Store(Path(sys.argv[2]))
plan = pull.plan(refs.parse(sys.argv[3]), source, store)
pull.carry_out(plan, source, store, workers=1)
"""


def test_a_killed_pull_is_taken_up_by_the_next(hub: Hub, source: HuggingFace, store: Store) -> None:
    """README is fetched and verified, a file of three blocks is under way: SIGKILL, then again."""
    big = hub.path(f"{GGUF}/{FILE}")
    big.write_bytes(b"GGUF" + Random(2).randbytes(2 * BLOCK + 1000))
    stall = Stall(after=2 * BLOCK + 10)
    hub.faults.add(f"*/{FILE}", stall, times=1)
    words = [sys.executable, "-c", KILLED, hub.address, str(store.home), GGUF]
    with subprocess.Popen(words) as child:
        assert stall.reached.wait(20)
        key = hashlib.sha256(big.read_bytes()).hexdigest()
        while store.partials.size(key) < 2 * BLOCK:
            assert child.poll() is None
        child.kill()
        child.wait()
    hub.faults.clear()
    assert store.manifests() == []
    (left,) = store.downloads.all()
    assert (left.name, left.running) == (GGUF, False)
    manifest = pulled(GGUF, source, store)
    assert asked_ranges(hub) == [f"bytes={2 * BLOCK}-"]
    assert hub.faults.asked("*/README.md") == []
    assert verify(store, manifest) == ()
    assert store.downloads.all() == []


def test_the_hubs_own_client_finds_what_was_pulled(source: HuggingFace, store: Store) -> None:
    manifest = pulled("acme/tiny", source, store)
    code = "import huggingface_hub as h; print(h.snapshot_download('acme/tiny'))"
    env = {"HF_HUB_CACHE": str(store.hub_cache), "HF_HUB_OFFLINE": "1", "HOME": str(store.home)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == store.folder(manifest)
