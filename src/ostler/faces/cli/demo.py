"""`ostler demo`: the whole way once, on shipped models, with the commands a user would type."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click

import ostler
from ostler.core.sizes import duration
from ostler.errors import OstlerError
from ostler.faces.cli import show
from ostler.verbs.asking import ask

SHIPPED = Path(ostler.__file__).parent / "testing" / "models"
CHAT = "ostler/tiny-llama-GGUF#q8_0"
EMBED, RERANK = "ostler/tiny-embed-GGUF", "ostler/tiny-rerank-GGUF"
NEXT = "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m"
QUESTION = {
    "model": CHAT,
    "temperature": 0,
    "messages": [{"role": "user", "content": "Say hello"}],
}


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave the server up at the end, until Ctrl-C.")
def command(keep: bool) -> None:
    """Watch the whole way once: find, fetch, prove, fit, choose, start, ask.

    Uses tiny models that are shipped, a hub on this machine, and a home that is thrown away.

    \b
    ostler demo
    ostler demo --keep
    """
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _told_to_end)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ostler-demo-"))
        tour = Tour({**os.environ, "OSTLER_HOME": folder, "HF_HUB_DISABLE_TELEMETRY": "1"})
        hub = stack.enter_context(_the_hub(tour))
        tour.env["HF_ENDPOINT"] = hub
        _to_an_answer(tour)
        server = stack.enter_context(_the_server(tour))
        _over_the_api(tour, server)
        _what_next(server, keep, time.monotonic() - began)
        if keep:
            _until_interrupted()


class Tour:
    """Numbers the steps and runs their commands."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self._step = 0

    def step(self, title: str, why: str) -> None:
        """Begin a step."""
        self._step += 1
        show.line()
        show.heading(f"{self._step}. {title}")
        show.line(f"   {why}")

    def run(self, *words: str) -> None:
        """Show a command and run it. Raises OstlerError where it fails."""
        self.show(*words)
        sys.stdout.flush()
        done = subprocess.run([*_ourselves(), *words], env=self.env, check=False)
        if done.returncode:
            raise OstlerError(
                f"The demo stopped: `ostler {shlex.join(words)}` ended with {done.returncode}.",
                hint="The lines above say why.",
            )

    def show(self, *words: str) -> None:
        """Show a command as a user would type it."""
        show.line(show.style("   $ ostler " + " ".join(map(_quoted, words)), fg="cyan"))

    @contextmanager
    def background(self, *words: str) -> Iterator[str]:
        """Run a server of ours meanwhile; give the address it says."""
        process = subprocess.Popen(
            [*_ourselves(), *words], env=self.env, stdout=subprocess.PIPE, text=True
        )
        try:
            yield _address(process, words)
        finally:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


@contextmanager
def _the_hub(tour: Tour) -> Iterator[str]:
    tour.step(
        "A hub to fetch from",
        "Models live on hubs such as huggingface.co. Ostler can be one, and here it serves itself.",
    )
    tour.show("hub", "serve", "SHIPPED_MODELS")
    with tour.background("hub", "serve", str(SHIPPED), "--port", "0") as address:
        show.line(f"   It listens at {address}; HF_ENDPOINT points there from now on.")
        yield address


def _to_an_answer(tour: Tour) -> None:
    tour.step("Find a model", "Search looks at what is kept here, then at the hub.")
    tour.run("search", "tiny-llama")
    tour.step(
        "Fetch it, and prove it",
        "Each byte is hashed while it is written and compared with the hub's own hash.",
    )
    tour.run("pull", CHAT)
    tour.step("Know what it needs", "Read from the file itself: every term, with its reason.")
    tour.run("fit", CHAT)
    tour.step("Choose the engine", "By format, machine and task; the others say why not.")
    tour.run("engine", CHAT, "--explain")
    tour.step("Ask it", "The engine starts, answers a real request, answers you, and stops.")
    tour.run("run", CHAT, "Say hello", "--temperature", "0")


@contextmanager
def _the_server(tour: Tour) -> Iterator[str]:
    tour.step(
        "Serve everything at one address",
        "An OpenAI-compatible server. A model is loaded by the first request for it.",
    )
    tour.run("pull", EMBED, "--quiet")
    tour.run("pull", RERANK, "--quiet")
    tour.show("serve")
    with tour.background("serve", "--port", _port_for_the_server()) as address:
        show.line(f"   It listens at {address}/v1.")
        yield address


def _over_the_api(tour: Tour, server: str) -> None:
    show.line()
    show.line(show.style("   " + _curl(server), fg="cyan"))
    show.line(f"   {asyncio.run(_answer(server))}")
    tour.step("Embeddings and reranking too", "One real request of each kind, timed.")
    tour.run("test", EMBED)
    tour.run("test", RERANK)
    tour.step("See what runs", "What is loaded, by which engine, with how much memory.")
    tour.run("ps")


def _what_next(server: str, keep: bool, seconds: float) -> None:
    show.line()
    show.heading(f"That was the whole way, in {duration(seconds)}.")
    if keep:
        show.line(f"The server stays up until Ctrl-C. Chat in your browser: {server}/")
        show.line("Or ask from a shell:")
        show.line("  " + _curl(server))
    else:
        show.line("Everything is stopped and removed. To ask it yourself: ostler demo --keep")
    show.line("With a real model (400 MB, runs on any laptop):")
    show.line(f'  ostler run {NEXT} "Why is the sky blue?"')


def _curl(server: str) -> str:
    return (
        f"curl {server}/v1/chat/completions -H 'Content-Type: application/json' "
        f"-d '{json.dumps(QUESTION)}'"
    )


async def _answer(server: str) -> str:
    where = urlsplit(server)
    answer = await ask(
        str(where.hostname), int(where.port or 80), "POST", "/v1/chat/completions", QUESTION
    )
    if answer.status != 200:
        raise OstlerError(f"The demo stopped: the server answered {answer.error()}")
    said: str = answer.json()["choices"][0]["message"]["content"]
    return said


def _port_for_the_server() -> str:
    """The usual port, so that the commands shown are the usual ones; any other if it is taken."""
    from ostler.launchers.ports import is_free
    from ostler.settings import Settings

    usual = Settings().port
    return str(usual) if is_free("127.0.0.1", usual) else "0"


def _address(process: subprocess.Popen[str], words: tuple[str, ...]) -> str:
    """Read the address from a server's first line."""
    first = process.stdout.readline() if process.stdout else ""
    for word in first.split():
        if word.startswith("http://"):
            return word.removesuffix("/v1")
    raise OstlerError(
        f"The demo stopped: `ostler {shlex.join(words)}` did not start.",
        hint="The lines above say why.",
    )


def _told_to_end(*_: object) -> NoReturn:
    """End as after Ctrl-C: the servers go along, and the home."""
    raise SystemExit(128 + signal.SIGTERM)


def _until_interrupted() -> None:
    show.line()
    show.line("Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _ourselves() -> list[str]:
    return [sys.executable, "-m", "ostler"]


def _quoted(word: str) -> str:
    """Quote a word only where a shell needs it; `#` inside a word needs none."""
    return word if shlex.quote(word.replace("#", "")) == word.replace("#", "") else f'"{word}"'
