"""Models made smaller, and added whole: commands of Ostler's own, run and watched as work.

They start engines and tools and ask this server; in a process of their own they can be ended at
any moment, and take back what they began.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ostler import wiring
from ostler.errors import Cancelled, OstlerError, from_code
from ostler.faces.api.work_schemas import (
    AddPlanned,
    QuantizePlanned,
    ToAdd,
    ToQuantize,
    ToSample,
    Work,
)
from ostler.faces.server import commands
from ostler.faces.server.downloads import environment
from ostler.faces.server.works import Body, Result, Telling, Works
from ostler.settings import Settings
from ostler.testing.tiny import MODELS

SAMPLES = {"chat": "tiny-llama-GGUF#q8_0", "embed": "tiny-embed-GGUF", "rerank": "tiny-rerank-GGUF"}


class Makings:
    """Begins `ostler quantize`, `ostler add`, and pulls of what comes with Ostler."""

    def __init__(
        self, settings: Settings, works: Works, looked: Callable[[], Awaitable[None]]
    ) -> None:
        self._settings, self._works, self._looked = settings, works, looked
        self._env = {**environment(), "OSTLER_HOME": str(settings.home)}

    async def plan_quantize(self, wanted: ToQuantize) -> QuantizePlanned:
        """Say what it would take. Raises what `ostler quantize` refuses with."""
        said = await self._asked("quantize", "--dry-run", "--json", *_quantize(wanted))
        return QuantizePlanned.model_validate(said)

    def quantize(self, wanted: ToQuantize, by: str) -> Work:
        """Begin it."""
        words = ("quantize", "--json", *_quantize(wanted))
        return self._works.begin("quantize", wanted.model, by, self._body(words))

    async def plan_add(self, wanted: ToAdd) -> AddPlanned:
        """Say the steps. Raises what `ostler add` refuses with."""
        said = await self._asked("add", "--dry-run", "--json", *_add(wanted))
        return AddPlanned.model_validate({"model": wanted.model, "steps": said["steps"]})

    def add(self, wanted: ToAdd, by: str) -> Work:
        """Begin it."""
        words = ("add", "--json", *_add(wanted))
        return self._works.begin("add", wanted.model, by, self._body(words))

    def sample(self, wanted: ToSample, by: str) -> Work:
        """Begin to keep a shipped model; one of its name that is kept already will do."""
        name = f"ostler/{SAMPLES[wanted.task]}"
        pull = self._body(("pull", f"folder:{MODELS}/{name}", "--json"))

        async def body(telling: Telling) -> Result:
            kept = await asyncio.to_thread(wiring.store(self._settings).manifests)
            here = next((one for one in kept if one.name == name.partition("#")[0]), None)
            return {"name": here.name, "commit": here.commit} if here else await pull(telling)

        return self._works.begin("sample", name, by, body)

    def _body(self, words: tuple[str, ...]) -> Body:
        async def body(telling: Telling) -> Result:
            kept: dict[str, Any] = {}

            def hear(said: dict[str, Any]) -> None:
                if said["event"] in ("kept", "done"):
                    kept.update(said)
                elif "stage" in said:
                    telling.said.stage = str(said["stage"] or "")
                    telling.said.done, telling.said.total = int(said["done"]), int(said["total"])
                    telling.said.unit = str(said.get("unit") or "bytes")

            def begun(process: asyncio.subprocess.Process) -> None:
                telling.on_ending = lambda: _end(process)
                telling.pid = process.pid

            code, rest = await commands.run(words, self._env, hear, begun)
            if telling.ending.is_set():
                raise Cancelled(f"{telling.said.kind} of {telling.said.model} was cancelled.")
            if code:
                raise _refusal(rest)
            await self._looked()
            return kept or _document(rest)

        return body

    async def _asked(self, *words: str) -> dict[str, Any]:
        code, rest = await commands.run(words, self._env)
        if code:
            raise _refusal(rest)
        return _document(rest)


def _quantize(wanted: ToQuantize) -> tuple[str, ...]:
    name = ("--name", wanted.name) if wanted.name else ()
    return ("--to", wanted.to, *name, *(("--yes",) if wanted.anew else ()), "--", wanted.model)


def _add(wanted: ToAdd) -> tuple[str, ...]:
    words = [word for gpu in wanted.gpus for word in ("--gpu", gpu)]
    for flag, value in (
        ("--context", wanted.context), ("--max-concurrent", wanted.max_concurrent),
        ("--sequences", wanted.sequences), ("--name", wanted.name), ("--engine", wanted.engine),
    ):  # fmt: skip
        words += [flag, str(value)] if value else []
    return (*words, "--", wanted.model)


def _document(text: str) -> dict[str, Any]:
    """Return the JSON document that a command printed, whatever notes stand before it."""
    begin = 0 if text.startswith("{") else text.index("\n{")
    found: dict[str, Any] = json.loads(text[begin:])
    return found


def _refusal(text: str) -> OstlerError:
    said = commands.refusal(text)
    return from_code(str(said.get("code")), str(said.get("message")), str(said.get("hint", "")))


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
