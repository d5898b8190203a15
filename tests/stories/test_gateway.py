"""Clients as people use them, and Lamini's paths, through the gateway to a real engine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import CHAT, EMBED, Inn, Shell, address_said, end, environment

HELLO = [{"role": "user", "content": "Say hello"}]
PATIENCE = 60.0
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Say how the weather is.",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "enum": ["Ulm", "Bonn"]}},
            "required": ["town"],
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["hello", "bye"]}},
    "required": ["word"],
    "additionalProperties": False,
}


def test_the_asynchronous_client_streams_many_at_once(inn: Inn) -> None:
    async def story() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{inn.address}/v1", api_key="none") as client:
            return await asyncio.gather(*(_streamed(client) for _ in range(4)))

    assert asyncio.run(story()) == ["hello"] * 4


async def _streamed(client: openai.AsyncOpenAI) -> str:
    stream = await client.chat.completions.create(
        model=CHAT, messages=HELLO, temperature=0, stream=True
    )
    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])


def test_structured_output_holds_to_its_schema(inn: Inn) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": True}}
    with openai.OpenAI(base_url=f"{inn.address}/v1", api_key="none") as client:
        said = client.chat.completions.create(
            model=CHAT, messages=HELLO, temperature=0, max_tokens=60, response_format=form
        )
    assert json.loads(said.choices[0].message.content)["word"] in ("hello", "bye")


def test_a_call_with_tools_is_answered_as_by_the_engine_itself(inn: Inn) -> None:
    """The tiny model's template knows no tools, so what it answers is not the point here."""
    said = [_with_tools(inn.address)]
    loaded = next(one for one in _loaded(inn) if one["id"].startswith(CHAT))
    said.append(_with_tools(f"http://127.0.0.1:{loaded['port']}"))
    assert said[0] == said[1]


def _loaded(inn: Inn) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = inn.shell.ok("ps", "--json").json()["models"]
    return models


def _with_tools(address: str) -> dict[str, Any]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        said = client.chat.completions.create(
            model=CHAT, messages=HELLO, temperature=0, max_tokens=120, tools=[WEATHER],
            tool_choice="required",
        )  # fmt: skip
    found: dict[str, Any] = said.choices[0].message.model_dump()
    return found


def test_curl_and_a_model_in_the_path(inn: Inn) -> None:
    for path in (f"models/{EMBED}/v1/embeddings", "v1/embeddings"):
        body = json.dumps({"model": EMBED, "input": "hello"})
        url = f"{inn.address}/{path}"
        done = subprocess.run(
            ["curl", "-sS", "-f", url, "-H", "Content-Type: application/json", "-d", body],
            check=True,
            capture_output=True,
        )
        assert json.loads(done.stdout)["data"][0]["embedding"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[str]:
    """A server with an operator's key and nothing kept, two workers."""
    home = tmp_path_factory.mktemp("lamini")
    keys = home / "keys"
    keys.touch(mode=0o600)
    keys.write_text("owner secret\n")
    shell = Shell(environment(home / "home", shipped_hub))
    server = shell.background("serve", "--port", "0", "--keys", str(keys), "--workers", "2")
    try:
        yield address_said(server)
    finally:
        assert end(server) == 0


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_lamini_asks_for_a_model_until_it_is_there(guarded: str, version: str) -> None:
    url = f"{guarded}/{version}/downloaded_models/"
    bearer = {"Authorization": "Bearer secret"}

    def ask(body: dict[str, Any], headers: dict[str, str] = bearer) -> httpx2.Response:
        return httpx2.post(url, json=body, headers=headers, timeout=PATIENCE)

    assert ask({"hf_model_name": EMBED}, {}).status_code == 401
    assert ask({}).status_code == 422
    assert ask({"hf_model_name": EMBED, "model_type": "poem"}).status_code == 422
    assert ask({"hf_model_name": "--help"}).status_code == 400
    deadline, seen = time.monotonic() + PATIENCE, []
    while not seen or seen[-1] != "available":
        assert time.monotonic() < deadline, seen
        answer = ask({"hf_model_name": EMBED, "model_type": "embedding"})
        assert answer.status_code == 200
        said = answer.json()
        assert set(said) == {"model_name", "model_type", "status"}
        seen.append(said["status"])
        assert seen[-1] in ("requested", "downloading", "available"), said
    listed = httpx2.get(url, headers=bearer, timeout=PATIENCE).json()
    (one,) = [entry for entry in listed if entry["model_name"] == EMBED]
    assert (one["status"], one["model_type"]) == ("available", "embedding")


def test_a_download_that_fails_says_why(guarded: str) -> None:
    url, bearer = f"{guarded}/v1/downloaded_models", {"Authorization": "Bearer secret"}
    deadline, status = time.monotonic() + PATIENCE, ""
    while status != "failed":
        assert time.monotonic() < deadline, status
        body = {"hf_model_name": "ostler/nobody"}
        status = httpx2.post(url, json=body, headers=bearer, timeout=PATIENCE).json()["status"]
    listed = httpx2.get(url, headers=bearer, timeout=PATIENCE).json()
    (one,) = [entry for entry in listed if entry["model_name"] == "ostler/nobody"]
    assert (one["download_attempts"], one["user_id"]) == (1, "key:owner")
    assert "ostler/nobody" in one["prev_download_error"]


def test_a_browser_is_led_to_the_dashboard_and_others_are_told(inn: Inn) -> None:
    page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    led = httpx2.get(inn.address, headers={"accept": page}, follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/dashboard/")
    for accept in ("*/*", "application/json"):
        told = httpx2.get(inn.address, headers={"accept": accept}, follow_redirects=False)
        assert (told.status_code, told.json()["name"]) == (200, "ostler")
        assert told.headers["vary"] == "accept"
