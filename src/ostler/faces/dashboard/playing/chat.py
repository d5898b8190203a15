"""A conversation with one model as a value: what is asked, what came of it, how fast; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostler.errors import UsageError

MOST_TURNS = 200  # of one conversation; the oldest are let go
LONGEST = 200_000  # characters of one message
FEWEST = 4  # tokens whose rate says anything


@dataclass(frozen=True, slots=True)
class Settings:
    """How models are to answer. None leaves it to the engine."""

    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


@dataclass
class Turn:
    """One message and its answer. Times are of a clock that only goes forward, in seconds."""

    prompt: str
    asked: float
    text: str = ""
    thought: str = ""  # what a model that thinks first says to itself
    state: str = "waiting"  # then streaming; at last done, stopped or failed
    wrong: str = ""  # why it failed, in sentences
    limit: bool = False  # it ended because it may not be longer
    first: float | None = None  # when the first word came
    last: float | None = None
    tokens: int | None = None  # as the engine counts them
    pieces: int = 0
    told: float | None = None  # the rate that the engine itself says, where it does

    @property
    def going(self) -> bool:
        return self.state in ("waiting", "streaming")

    @property
    def seconds_to_first(self) -> float | None:
        """Time to first token."""
        return None if self.first is None else self.first - self.asked

    @property
    def rate(self) -> float | None:
        """Tokens a second after the first, as they came here; the engine's own figure where all
        came at once, None where there is none.
        """
        count = self.tokens if self.tokens is not None else self.pieces
        if self.first is None or self.last is None or count < FEWEST:
            return None
        if self.pieces < FEWEST:
            return self.told
        return (count - 1) / (self.last - self.first) if self.last > self.first else self.told

    def take(self, said: Mapping[str, Any], now: float) -> None:
        """Take one event of the answer's stream."""
        if "error" in said:
            self.fail(str(said["error"].get("message") or "The engine gave no reason."), now)
            return
        usage = said.get("usage")
        if usage:
            self.tokens = usage.get("completion_tokens")
            self.told = (said.get("timings") or {}).get("predicted_per_second")
        for choice in said.get("choices", ()):
            delta = choice.get("delta", {})
            self.limit = self.limit or choice.get("finish_reason") == "length"
            text = delta.get("content") or ""
            thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
            if text or thought:
                self.state = "streaming"
                self.first = now if self.first is None else self.first
                self.last, self.pieces = now, self.pieces + 1
                self.text += text
                self.thought += thought

    def end(self) -> None:
        """The stream has ended."""
        if self.going:
            self.state = "done"

    def stop(self) -> None:
        """The reader has heard enough."""
        if self.going:
            self.state = "stopped"

    def fail(self, wrong: str, now: float) -> None:
        """It went wrong; what has come so far stays."""
        self.state, self.wrong, self.last = "failed", wrong, self.last or now


@dataclass
class Talk:
    """A conversation with one model."""

    model: str
    number: int = 0  # tells it from others of its tab
    turns: list[Turn] = field(default_factory=list)

    @property
    def going(self) -> Turn | None:
        """The turn that is being answered."""
        return self.turns[-1] if self.turns and self.turns[-1].going else None

    def ask(self, prompt: str, now: float) -> Turn:
        """Begin a turn. Raises UsageError."""
        if len(prompt) > LONGEST:
            raise UsageError(
                f"The message has {len(prompt):,} characters; {LONGEST:,} are the most here.",
                hint="Send it over the API.",
            )
        self.turns = [*self.turns[1 - MOST_TURNS :], Turn(prompt, now)]
        return self.turns[-1]

    def messages(self, settings: Settings) -> list[dict[str, str]]:
        """Return the conversation as the API takes it; what got no answer is left out."""
        found = [{"role": "system", "content": settings.system}] if settings.system else []
        for turn in self.turns:
            if not turn.text and not turn.going:
                continue
            found.append({"role": "user", "content": turn.prompt})
            if not turn.going:
                found.append({"role": "assistant", "content": turn.text})
        return found

    def body(self, settings: Settings) -> dict[str, Any]:
        """Return the request that asks for the next answer."""
        wanted = {
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
        }
        return {
            "model": self.model,
            "messages": self.messages(settings),
            **{name: value for name, value in wanted.items() if value is not None},
        }


def streamed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request for an answer that comes piece by piece, and counts at its end."""
    return {**body, "stream": True, "stream_options": {"include_usage": True}}


def settings(given: Mapping[str, Any]) -> Settings:
    """Read the settings that a form sends; an empty field leaves it to the engine.

    Raises UsageError with a sentence for a number that is none, or out of its range.
    """
    return Settings(
        system=str(given.get("system", "")).strip(),
        temperature=number(given, "temperature", 0.0, 2.0),
        max_tokens=whole(given, "max_tokens", 1, 2**31 - 1),
        seed=whole(given, "seed", 0, 2**32 - 1),
    )


def number(given: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Read a number of a form. Raises UsageError."""
    text = str(given.get(name, "")).strip()
    if not text:
        return None
    title = name.replace("_", " ").capitalize()
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{title} is no number: {text[:40]!r}.") from None
    if not low <= value <= high:
        raise UsageError(f"{title} is {value:g}; it may be {low:g} to {high:,g}.")
    return value


def whole(given: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Read a whole number of a form. Raises UsageError."""
    value = number(given, name, low, high)
    if value is not None and value != int(value):
        raise UsageError(
            f"{name.replace('_', ' ').capitalize()} is {value:g}; it is a whole number."
        )
    return None if value is None else int(value)
