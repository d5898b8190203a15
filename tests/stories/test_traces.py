"""A request through the real server arrives at a receiver of traces, without what was said."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
from tests.faces.server.test_traces import Receiver, receiver, said
from tests.stories.conftest import CHAT, Shell, address_said, end

__all__ = ["receiver"]
PATIENCE = 60.0


def test_a_chat_is_traced(shell: Shell, receiver: str, tmp_path: Path) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    server = shell.background("serve", "--port", "0", "--otlp", receiver)
    try:
        address, asked = address_said(server), time.time()
        body = {"model": CHAT, "messages": [{"role": "user", "content": "Say hello"}]}
        id = {"X-Request-Id": "traced-1"}
        url = f"{address}/v1/chat/completions?secret=1"
        answer = httpx2.post(url, json=body | {"temperature": 0}, headers=id, timeout=PATIENCE)
        assert answer.status_code == 200
    finally:
        assert end(server) == 0
    (span,) = Receiver.spans
    told = said(span)
    assert told["ostler.request_id"] == "traced-1"
    assert told["gen_ai.request.model"] == f"{CHAT}#q8_0"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (10, 2)
    assert asked - 1 < span.start_time_unix_nano / 1e9 < span.end_time_unix_nano / 1e9
    assert span.end_time_unix_nano / 1e9 < time.time() + 1
    assert not any(word in str(span) for word in ("hello", "secret"))
