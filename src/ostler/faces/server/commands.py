"""Commands of Ostler's own that the server runs in processes: what they do holds up no loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

LONGEST = 64 << 20  # bytes of a line; a plan's names every file


async def run(
    words: tuple[str, ...],
    env: Mapping[str, str],
    hear: Callable[[dict[str, Any]], None] = lambda said: None,
    begun: Callable[[asyncio.subprocess.Process], None] = lambda process: None,
) -> tuple[int, str]:
    """Run `ostler WORDS`; return its exit code and all that it said that is no event.

    Each line that is a JSON object with an `event` goes to `hear`. Ends the process where the
    caller is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ostler", *words),
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LONGEST,
    )
    begun(process)
    assert process.stdout is not None
    rest: list[str] = []
    try:
        async for line in process.stdout:
            said = _event(line)
            if said is None:
                rest.append(line.decode(errors="replace"))
            else:
                hear(said)
        return await process.wait(), "".join(rest)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line) if line.startswith(b"{") else None
    except ValueError:
        return None
    return said if isinstance(said, dict) and "event" in said else None


def refusal(text: str) -> dict[str, Any]:
    """Return the error that a command's last words name: code, message, hint."""
    for line in reversed(text.splitlines()):
        with suppress(ValueError, KeyError, TypeError):
            return dict(json.loads(line)["error"])
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    return {"code": "failed", "message": last[:1000] or "The command ended without a word."}
