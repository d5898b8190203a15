"""All that is asked of a start with the wheel, asked of the real llama-server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.verbs import test_start as wheel
from tests.verbs.test_start import *  # noqa: F403 - the same tests, each on the other program

from ostler.errors import RequestFailed
from ostler.ports import Process
from ostler.testing import tiny
from ostler.verbs.asking import events

pytestmark = [pytest.mark.usefixtures("real_binary"), pytest.mark.heavy]


def test_stop_lets_a_running_stream_end(tmp_path: Path) -> None:
    """It does not, unlike the wheel: whoever stops it waits for its requests first.

    Without a short ping interval it would go on for up to 30 s.
    """

    async def story(process: Process) -> float:
        asked = wheel.chat("Go on", max_tokens=1500, stream=True, ignore_eos=True)
        stream = events(wheel.HOST, process.spec.port, "/v1/chat/completions", asked)
        assert (await anext(stream))["choices"]
        stopping = asyncio.create_task(process.stop())
        with pytest.raises(RequestFailed, match="broke off"):
            [event async for event in stream]
        began = time.monotonic()
        assert await stopping == 0
        return time.monotonic() - began

    assert wheel.with_engine(wheel.spec_of(tiny.gguf()), tmp_path / "log", story) < 8
