"""Put a running engine to sleep, and wake it: it stays, and gives its device's memory back."""

from __future__ import annotations

from ostler.errors import EngineFailed
from ostler.nouns import LaunchSpec, SleepMode
from ostler.verbs.asking import Answer, ask

PATIENCE = 120.0  # seconds; tens of GB are copied over the bus in a few


async def fall_asleep(spec: LaunchSpec) -> None:
    """Return once the engine sleeps. Raises EngineFailed where it cannot."""
    sleep_mode = _sleep_mode(spec)
    await _done(spec, sleep_mode.sleep, "go to sleep")
    if not await is_asleep(spec):
        raise EngineFailed(f"{spec.engine} took the word to sleep, and is awake.", cause="awake")


async def wake_up(spec: LaunchSpec) -> None:
    """Return once the engine is awake. Raises EngineFailed where it does not wake."""
    await _done(spec, _sleep_mode(spec).wake, "wake")
    if await is_asleep(spec):
        raise EngineFailed(f"{spec.engine} took the word to wake, and sleeps on.", cause="asleep")


async def is_asleep(spec: LaunchSpec) -> bool:
    """Say whether the engine sleeps; one that cannot does not. Raises EngineFailed."""
    if spec.sleep_mode is None:
        return False
    answer = await _asked(spec, "GET", spec.sleep_mode.asleep)
    said = answer.json() if answer.status == 200 else None
    return isinstance(said, dict) and said.get("is_sleeping") is True


def _sleep_mode(spec: LaunchSpec) -> SleepMode:
    if spec.sleep_mode is None:
        raise EngineFailed(f"{spec.engine} cannot sleep.", cause="cannot_sleep")
    return spec.sleep_mode


async def _done(spec: LaunchSpec, path: str, what: str) -> None:
    answer = await _asked(spec, "POST", path)
    if answer.status != 200:
        raise EngineFailed(
            f"{spec.engine} was told to {what} and answered {answer.status}.",
            hint=f"Read its log: `ostler logs {spec.model.id}`.",
            cause="request_failed",
        )


async def _asked(spec: LaunchSpec, method: str, path: str) -> Answer:
    try:
        return await ask(spec.host, spec.port, method, path, patience=PATIENCE)
    except OSError as error:  # a time-out is one
        raise EngineFailed(
            f"{spec.engine} did not answer {method} {path} ({error or 'timed out'}).",
            hint=f"Read its log: `ostler logs {spec.model.id}`.",
            cause="request_failed",
        ) from None
