"""The transformers engine for real; `make test` installs it first."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ostler.engines.transformers import Transformers
from ostler.errors import EngineFailed
from ostler.launchers.discovery import environment
from ostler.launchers.ports import free_port, is_free
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import Installed, LaunchSpec, Workload
from ostler.testing import tiny
from ostler.verbs.asking import ask, events
from ostler.verbs.start import start
from ostler.verbs.trial import trial

pytestmark = pytest.mark.transformers
HOST = "127.0.0.1"


@pytest.fixture
def installation() -> Installed:
    found = environment(
        Path(os.environ.get("OSTLER_ENGINES", ".engines")).absolute(), "transformers"
    )
    if found is None:
        pytest.skip("`ostler engine install transformers` has not been run")
    return found


@pytest.fixture
def spec(installation: Installed, tmp_path: Path) -> LaunchSpec:
    port = free_port(HOST, range(21300, 21400))
    engine = Transformers(str(tmp_path / "run"))
    return engine.launch(installation, tiny.safetensors(), Workload(threads=1), HOST, port)


def test_it_answers_under_the_models_own_name(spec: LaunchSpec, tmp_path: Path) -> None:
    asked = {
        "model": "ostler/tiny-llama",
        "messages": [{"role": "user", "content": "Say hello"}],
        "temperature": 0,
        "max_tokens": 8,
    }

    async def story() -> tuple[str, str, bool, int]:
        process = await start(
            spec, ProcessLauncher(), str(tmp_path / "log"), engine=Transformers(str(tmp_path))
        )
        try:
            whole = await ask(HOST, spec.port, "POST", "/v1/chat/completions", asked)
            stream = events(HOST, spec.port, "/v1/chat/completions", {**asked, "stream": True})
            pieces = [e["choices"][0]["delta"].get("content") or "" async for e in stream]
            other = await trial(HOST, spec.port, "acme/other", spec.model.task)
        finally:
            code = await process.stop()
        return whole.json()["choices"][0]["message"]["content"], "".join(pieces), other.ok, code

    assert asyncio.run(story()) == ("hello", "hello", False, -15)
    assert is_free(HOST, spec.port)


def test_a_damaged_shard_is_called_corrupt(spec: LaunchSpec, tmp_path: Path) -> None:
    model = tiny.safetensors()
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in Path(model.folder).iterdir():
        body = file.read_bytes()
        (damaged / file.name).write_bytes(body[:-50] if file.suffix == ".safetensors" else body)
    broken = replace(spec, links={model.id: str(damaged)})
    with pytest.raises(EngineFailed) as caught:
        asyncio.run(
            start(broken, ProcessLauncher(), str(tmp_path / "log"), engine=Transformers("/run"))
        )
    assert caught.value.facts["cause"] == "corrupt_file"
    assert is_free(HOST, spec.port)
