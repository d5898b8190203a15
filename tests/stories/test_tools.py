"""Tools and structured output by the official client, through the gateway, from llama.cpp itself.

The shipped chat model knows no tools and would call none. Here it gets a template that has them,
with calls that begin with the function's name: then nothing may stand before a required call, and
llama.cpp's grammar leaves even a model of noise nothing but a valid one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import SHIPPED, Shell, address_said, end, environment

MODEL = "ostler/tiny-tools-GGUF"
WEIGHTS = SHIPPED / "ostler/tiny-llama-GGUF/tiny-llama-Q8_0.gguf"
TEMPLATE = r"""
{%- for tool in tools or [] %}{{- '<|im_start|>system\n' + (tool | tojson) + '<|im_end|>\n' }}
{%- endfor %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role }}
    {%- if message.content %}{{- '\n' + message.content }}{%- endif %}
    {%- for call in message.tool_calls or [] %}
        {{- '\n' + call.function.name + ' ' + (call.function.arguments | tojson) }}
    {%- endfor %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
KEY = b"tokenizer.chat_template" + (8).to_bytes(4, "little")  # GGUF's number for a text
ALIGNED = 32  # bytes: where the weights begin is a multiple of it


def function(name: str, word: str, values: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {word: {"type": "string", "enum": values}},
              "required": [word], "additionalProperties": False}  # fmt: skip
    said = {"name": name, "description": "Say it.", "strict": True, "parameters": schema}
    return {"type": "function", "function": said}


TOWNS, ZONES = ["Ulm", "Bonn"], ["utc", "cet"]
TOOLS: Any = [function("weather", "town", TOWNS), function("clock", "zone", ZONES)]
ASKED: Any = {"role": "user", "content": "How is the weather?"}
USUAL: Any = {"model": MODEL, "temperature": 0, "max_tokens": 100, "messages": [ASKED]}


def with_template(gguf: bytes, template: str) -> bytes:
    """A GGUF file with another chat template, as long as the old one but for whole 32 bytes."""
    before, key, after = gguf.partition(KEY)
    size, rest = int.from_bytes(after[:8], "little"), after[8:]
    text = template.encode()
    text = b"{#" + b" " * ((size - len(text) - 4) % ALIGNED) + b"#}" + text
    return before + key + len(text).to_bytes(8, "little") + text + rest[size:]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tools")
    repository: Path = folder / MODEL
    repository.mkdir(parents=True)
    (repository / "tiny-tools-Q8_0.gguf").write_bytes(with_template(WEIGHTS.read_bytes(), TEMPLATE))
    shell = Shell(environment(folder / "home", shipped_hub))
    shell.ok("pull", f"folder:{repository}", "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        yield address_said(server)
    finally:
        assert end(server) == 0


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def valid(name: str, arguments: str) -> bool:
    said = json.loads(arguments)
    return said["town"] in TOWNS if name == "weather" else said["zone"] in ZONES


def test_a_required_call_its_result_and_the_answer(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        **USUAL, tools=TOOLS, tool_choice="required", parallel_tool_calls=False
    )
    assert said.choices[0].finish_reason == "tool_calls"
    message = said.choices[0].message
    (call,) = message.tool_calls or ()
    assert call.type == "function"
    assert valid(call.function.name, call.function.arguments)
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    turns: Any = [ASKED, message.model_dump(exclude_none=True), result]
    answer = client.chat.completions.create(
        **USUAL | {"messages": turns, "max_tokens": 5}, tools=TOOLS, tool_choice="none"
    )
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


@pytest.mark.parametrize("name", ["weather", "clock"])
def test_a_named_function_is_the_one_that_is_called(client: openai.OpenAI, name: str) -> None:
    """llama.cpp itself would take the name for no choice at all."""
    choice: Any = {"type": "function", "function": {"name": name}}
    said = client.chat.completions.create(
        **USUAL, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
    )
    (call,) = said.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == name
    assert valid(name, call.function.arguments)


@pytest.mark.parametrize("name", ["weather", "clock"])
def test_a_call_comes_in_pieces_too(client: openai.OpenAI, name: str) -> None:
    choice: Any = {"type": "function", "function": {"name": name}}
    with client.chat.completions.create(
        **USUAL, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False, stream=True
    ) as stream:
        parts = [part.choices[0] for part in stream if part.choices]
    assert [part.finish_reason for part in parts if part.finish_reason] == ["tool_calls"]
    pieces = [call for part in parts for call in part.delta.tool_calls or () if call.function]
    assert len(pieces) > 1
    assert {piece.index for piece in pieces} == {0}
    assert [piece.function.name for piece in pieces if piece.function.name] == [name]
    assert [piece.id for piece in pieces if piece.id]
    assert valid(name, "".join(piece.function.arguments or "" for piece in pieces))


def test_the_gateway_passes_calls_on_as_the_engine_says_them(
    address: str, client: openai.OpenAI
) -> None:
    (one,) = httpx2.get(f"{address}/api/fleet").json()["models"]
    own = f"http://127.0.0.1:{one['port']}/v1"
    with openai.OpenAI(base_url=own, api_key="none", max_retries=0) as engine:
        said = [
            asked.chat.completions.create(
                **USUAL, tools=TOOLS, tool_choice="required", parallel_tool_calls=False
            )
            .choices[0]
            .message.model_dump()
            for asked in (engine, client)
        ]
    for message in said:
        assert message["tool_calls"][0].pop("id")  # made anew for each
    assert said[0] == said[1]


def test_structured_output_holds_to_its_schema_in_pieces_too(client: openai.OpenAI) -> None:
    schema = function("it", "word", ["hello", "bye"])["function"]["parameters"]
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "w", "schema": schema, "strict": True},
    }
    with client.chat.completions.create(**USUAL, response_format=form, stream=True) as stream:
        pieces = [part.choices[0].delta.content or "" for part in stream if part.choices]
    assert len(pieces) > 1
    assert json.loads("".join(pieces))["word"] in ("hello", "bye")
