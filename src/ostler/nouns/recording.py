"""Nouns of what is written down: keys, what happened, downloads tried, what was used.

Times are UTC, ISO 8601 with milliseconds, so that they sort as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A caller's key as it is kept: its hash, what it may, and how much. A limit of None is none.

    `models` are shell patterns over models' ids and aliases; `role` is "operator" or "user".
    """

    name: str
    sha256: str  # of the key, 64 hexadecimal digits; the key itself is kept nowhere
    role: str = "user"
    models: tuple[str, ...] = ("*",)
    requests_per_minute: int | None = None
    concurrent: int | None = None
    tokens_per_day: int | None = None
    created_at: str = ""
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what to what, when, how it ended, and why."""

    act: str  # "pull", "rm", "load", "unload", "evict", "fail", "key.create", ...
    subject: str  # a model's id, a key's name
    actor: str = ""  # "cli:anna", "key:ci", "keeper"
    outcome: str = "done"  # or "failed", "refused"
    why: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    at: str = ""
    id: int = 0  # given by the records; grows with every event


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to download a model."""

    model: str  # org/name, with #quantization where one was asked for
    outcome: str  # "done", "failed" or "stopped"
    at: str = ""
    seconds: float | None = None
    bytes: int | None = None  # fetched by this try
    code: str = ""  # of the refusal, as in errors.py
    what: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What one key asked of one model on one day (UTC)."""

    day: str  # "2026-11-20"
    key: str  # its name; empty: no key was needed
    model: str
    requests: int = 0
    errors: int = 0  # of the requests, those answered with 400 or more, or left
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
