"""The Python client against a real server: models, downloads, answers, keys, and how it refuses."""

from __future__ import annotations

import asyncio
import inspect
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stories.conftest import CHAT, EMBED, RERANK, Inn, Shell, address_said, end

import ostler
from ostler import AsyncOstler, Lamini, Ostler
from ostler.errors import (
    DownloadFailed,
    DownloadTimeout,
    ServerNotRunning,
    UnknownModel,
)
from ostler.faces.client import calls
from ostler.faces.client.lines import Pieces

GREEDY = {"temperature": 0}


def home(inn: Inn) -> Path:
    return Path(inn.shell.env["OSTLER_HOME"])


@pytest.fixture
def client(inn: Inn) -> Ostler:
    return Ostler(home=home(inn))


def test_models_are_listed_asked_and_streamed(client: Ostler) -> None:
    with client:
        assert f"{CHAT}#q8_0" in {one.id for one in client.list_models()}
        assert client.chat(CHAT, "Say hello", **GREEDY) == "hello"
        assert "".join(client.stream(CHAT, "Say hello", **GREEDY)) == "hello"
        assert len(list(client.stream(CHAT, "Tell me", max_tokens=8, ignore_eos=True))) > 1
        assert client.load(CHAT).state == "ready"
        assert CHAT in [one.model.partition("#")[0] for one in client.deployments()]
        assert client.estimate(CHAT).fits
        assert any(one.state == "ready" for one in client.fleet().models)
        assert client.unload(CHAT).state in ("draining", "stopping", "stopped")


def test_vectors_and_scores_come_in_the_callers_order(client: Ostler) -> None:
    with client:
        one, other = client.embed(EMBED, ["a cat", "a dog"])
        assert client.embed(EMBED, "a dog")[0] == pytest.approx(other, abs=1e-3)
        assert one != other
        scores = client.rerank(RERANK, "cats", ["a cat", "a dog"])
        assert all(0 <= score <= 1 for score in scores)


def test_a_download_that_is_here_is_available_at_once(client: Ostler) -> None:
    with client:
        assert client.download_model(f"{CHAT}#q8_0").status == "available"
        assert client.download_model(f"{CHAT}#q8_0", wait=False).status == "available"


def test_a_download_tells_done_from_failed_from_late(client: Ostler) -> None:
    with client:
        with pytest.raises(DownloadFailed, match="org/none") as failed:
            client.download_model("org/none")
        assert failed.value.facts["status"] == "failed"
        looks: list[str] = []
        with pytest.raises(DownloadTimeout, match="still") as late:
            client.download_model(
                "org/none-again", wait_time_seconds=0, on_progress=lambda p: looks.append(p.status)
            )
        assert late.value.facts["status"] in ("requested", "downloading")
        assert looks


def test_a_refusal_is_the_servers_own(client: Ostler) -> None:
    with client:
        with pytest.raises(UnknownModel) as refused:
            client.chat("org/none", "Say hello")
        assert CHAT in str(refused.value)
        with pytest.raises(UnknownModel):
            list(client.stream("org/none", "Say hello"))


def test_keys_and_history(shell: Shell) -> None:
    """On a server of its own: one that ever had a key lets nobody in without one."""
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        with Ostler(home=shell.env["OSTLER_HOME"]) as client:
            key = client.create_key("anna", models=["none/*"])
            assert "anna" in {one["name"] for one in client.list_keys()}
            assert client.rotate_key("anna") != key
            client.revoke_key("anna")
            assert "key.revoke" in {one["act"] for one in client.history(hours=1)}
    finally:
        shell.run("stop", "--all")
        end(server)


def test_with_asyncio_the_same(inn: Inn) -> None:
    async def story() -> None:
        async with AsyncOstler(home=home(inn)) as client:
            said, listed = await asyncio.gather(
                client.chat(CHAT, "Say hello", **GREEDY), client.list_models()
            )
            assert (said, f"{CHAT}#q8_0" in {one.id for one in listed}) == ("hello", True)
            pieces = [one async for one in client.stream(CHAT, "Say hello", **GREEDY)]
            assert "".join(pieces) == "hello"
            with pytest.raises(DownloadFailed):
                await client.download_model("org/none")

    asyncio.run(story())


def test_laminis_calls(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTLER_HOME", str(home(inn)))
    llm = Lamini(model_name=f"{CHAT}#q8_0")
    assert llm.download_model(wait=True).status == "available"
    assert CHAT in {one.model_name for one in llm.list_models() if one.status == "available"}
    prompt = "<|im_start|>user\nSay hello<|im_end|>\n<|im_start|>assistant\n"
    assert isinstance(llm.generate(prompt, max_new_tokens=4), str)
    assert len(llm.generate([prompt, prompt], max_new_tokens=4)) == 2
    with pytest.raises(DownloadFailed):
        llm.download_model("org/none", wait=True, wait_time_seconds=30)
    llm.close()


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> dict[str, str | None]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {name: inspect.getdoc(one) for name, one in members if not name.startswith("_")}

    now, soon = public(Ostler), public(AsyncOstler)
    assert now == soon
    operations = {
        name
        for name, one in vars(calls).items()
        if inspect.isgeneratorfunction(one) and one.__module__ == calls.__name__
    }
    assert operations <= now.keys()
    assert all(now.values())


def test_no_server_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSTLER_URL", raising=False)
    with pytest.raises(ServerNotRunning, match="No server runs"):
        Ostler(home=tmp_path)
    with (
        Ostler("http://127.0.0.1:9") as client,
        pytest.raises(ServerNotRunning, match="connection refused"),
    ):
        client.list_models()


def test_the_key_is_never_shown(inn: Inn) -> None:
    with Ostler(home=home(inn)) as client:
        assert client.place.key
        assert client.place.key not in repr(client.place)


def test_the_package_names_what_it_has() -> None:
    assert {"Ostler", "AsyncOstler", "Lamini"} <= set(ostler.__all__)
    with pytest.raises(AttributeError):
        ostler.Nobody  # noqa: B018


@given(st.lists(st.text(min_size=1), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_may_be_cut_anywhere(texts: list[str], cuts: list[int]) -> None:
    events = [f"data: {json.dumps({'choices': [{'delta': {'content': t}}]})}\n\n" for t in texts]
    whole = "".join([": hi\n\n", *events, "data: [DONE]\n\n"]).encode()
    edges = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    pieces = Pieces()
    got = [piece for start, end in pairwise(edges) for piece in pieces.feed(whole[start:end])]
    assert (got, pieces.ended) == (texts, True)
