"""A pull that is ended while its hub is silent ends at once, and leaves what it had."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.network import proxy

from ostler.core import refs
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.core.policy import Policy
from ostler.errors import Cancelled, OstlerError
from ostler.sources.git import GitRemote
from ostler.sources.huggingface import HuggingFace
from ostler.sources.mirrors import Mirrors
from ostler.sources.modelscope import ModelScope
from ostler.store import Store
from ostler.testing.faults import Stall
from ostler.verbs import pull
from ostler.verbs.permit import Permitted
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
REPO, FILE = "acme/tiny-GGUF", "tiny-Q4_K_M.gguf"
CONTENT = b"GGUF" + Random(3).randbytes(2 * BLOCK)
AT_ONCE = 5.0  # seconds; the connection itself would be given up after 30


class Silent(Stall):
    """Says nothing at all, not even a status."""

    async def __call__(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        self.reached.set()
        await asyncio.to_thread(self.released.wait)
        await app(scope, receive, send)


@pytest.fixture
def model(hub: Hub) -> Hub:
    hub.path(f"{REPO}/{FILE}").write_bytes(CONTENT)
    return hub


@contextmanager
def ended_within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def cancelled_while(
    stall: Stall, hub: Hub, source: Any, store: Store, path: str = f"*/{FILE}", ref: str = REPO
) -> None:
    """Pull until the hub is silent, cancel as another terminal does, and wait for the end."""
    hub.faults.add(path, stall, methods=("GET", "POST"))
    ends: list[OstlerError] = []

    def work() -> None:
        try:
            plan = pull.plan(refs.parse(ref), source, store)
            pull.carry_out(plan, source, store, patience=Patience(attempts=3, first=0.01))
        except OstlerError as error:
            ends.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert stall.reached.wait(30)
    with ended_within(AT_ONCE):
        (one,) = store.downloads.all()
        store.downloads.cancel(one.id)
        worker.join(60)
    assert [type(one) for one in ends] == [Cancelled]


@pytest.mark.parametrize("through", ["one hub", "mirrors", "rules", "a proxy"])
@pytest.mark.parametrize("kind", [Silent, Stall])
def test_a_silent_hub_is_left_at_once(
    model: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through: str, kind: type[Stall]
) -> None:
    stall = kind(after=BLOCK + 1000)
    store = Store(tmp_path / "home")
    with proxy() as (address, _):
        if through == "a proxy":
            monkeypatch.setenv("http_proxy", address)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
        with closing(HuggingFace(model.address)) as hub:
            source: Any = hub
            if through == "mirrors":
                source = Mirrors([hub, HuggingFace(model.address)])
            if through == "rules":
                source = Permitted(hub, Policy(), model.address)
            cancelled_while(stall, model, source, store)
            model.faults.clear()
            plan = pull.plan(refs.parse(REPO), source, store)  # the source itself goes on
            manifest = pull.carry_out(plan, source, store)
    assert verify(store, manifest) == ()


@pytest.mark.parametrize("kind", ["modelscope", "git"])
@pytest.mark.parametrize("where", ["head", "body"])
def test_other_sources_are_left_at_once_too(
    model: Hub, tmp_path: Path, kind: str, where: str
) -> None:
    if kind == "git" and shutil.which("git") is None:
        pytest.skip("git is not installed")
    ref = f"ms:{REPO}" if kind == "modelscope" else f"git:{model.address}/{REPO}"
    made = (
        ModelScope(model.address) if kind == "modelscope" else GitRemote(f"{model.address}/{REPO}")
    )
    store = Store(tmp_path / "home")
    with closing(made) as source:
        # what is small enough passes: listings, pointers, the batch API of LFS
        stall, path = Stall(after=BLOCK + 1000), "*"
        if where == "head":
            stall, path = Silent(), "*/repo" if kind == "modelscope" else "*/info/lfs/objects/*"
        cancelled_while(stall, model, source, store, path=path, ref=ref)
        model.faults.clear()
        manifest = pull.carry_out(pull.plan(refs.parse(ref), source, store), source, store)
    assert verify(store, manifest) == ()


def test_an_interrupt_from_the_keyboard_ends_it_too(model: Hub, tmp_path: Path) -> None:
    stall = Stall(after=1000)
    model.faults.add(f"*/{FILE}", stall)
    env = {**os.environ, "OSTLER_HOME": str(tmp_path / "home"), "HF_ENDPOINT": model.address}
    words = [sys.executable, "-m", "ostler", "pull", REPO, "--quiet"]
    with subprocess.Popen(words, env=env, stderr=subprocess.PIPE) as child:
        assert stall.reached.wait(30)
        with ended_within(AT_ONCE):
            child.send_signal(signal.SIGINT)
            child.wait(60)
        assert child.returncode == 130
