"""What a key may ask for and how much of it, held against what it has used; pure but for counts."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ostler.faces.gateway.counts import DAY_SECONDS, MINUTE_SECONDS, SLOTS, Counts
from ostler.faces.gateway.messages import Key, Model
from ostler.faces.gateway.request import Refusal, refusal

ALL = ("*",)


class Allowances:
    """The limits of one table, over the counts that outlive it."""

    __slots__ = ("_base", "_counts", "_slots")

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._slots: dict[str, int] = {}
        self._base: dict[str, tuple[int, int]] = {}  # by key: a day, tokens used before we counted

    def take(self, slots: dict[str, int], keys: tuple[Key, ...], now: float) -> None:
        """Take a new table's slots, and what its keys had used already."""
        self._slots.update(slots)
        day = int(now) // DAY_SECONDS
        for key in keys:
            counted = self._counts.spent(self._slot("key", key.name), now)
            base = self._base.get(key.name)
            if base is None or base[0] != day or base[1] + counted < key.tokens_used:
                self._base[key.name] = (day, max(0, key.tokens_used - counted))

    def _slot(self, kind: str, name: str) -> int:
        name = f"{kind}:{name}"
        slot = self._slots.get(name)
        if slot is None:  # a worker that is alone needs to agree with nobody
            slot = self._slots[name] = len(self._slots) % SLOTS
        return slot

    def why_not(self, key: Key | None, id: str, model: Model, now: float) -> Refusal | None:
        """Return why this request gets nothing, None where it may begin."""
        if key is not None:
            if key.models != ALL and not _granted(key, id, model):
                return forbidden(key, id)
            refused = self._over(key, now)
            if refused is not None:
                return refused
        if model.concurrent is not None and (
            self._counts.at_once(self._slot("model", id)) >= model.concurrent
        ):
            return limit("model_busy", f"The model {id} answers {model.concurrent} at once.", 1)
        return None

    def _over(self, key: Key, now: float) -> Refusal | None:
        slot, most = self._slot("key", key.name), key.concurrent
        if most is not None and self._counts.at_once(slot) >= most:
            return limit("too_many_at_once", f"This key may ask {most} at once.", 1)
        most = key.tokens_per_day
        if most is not None and self._used_today(key, slot, now) >= most:
            left = DAY_SECONDS - now % DAY_SECONDS
            return limit("tokens_used_up", f"This key may use {most} tokens a day (UTC).", left)
        most = key.requests_per_minute
        if most is not None and self._counts.asked(slot, now) + 1 > most:
            wait = MINUTE_SECONDS - now % MINUTE_SECONDS if most < 2 else MINUTE_SECONDS / most
            return limit("rate_limited", f"This key may ask {most} times a minute.", wait)
        return None

    def _used_today(self, key: Key, slot: int, now: float) -> int:
        day, before = self._base.get(key.name, (0, 0))
        return self._counts.spent(slot, now) + (before if day == int(now) // DAY_SECONDS else 0)

    def begin(self, key: Key | None, id: str, now: float) -> None:
        """Count a request that was let in."""
        self._counts.enter(self._slot("model", id))
        if key is not None:
            slot = self._slot("key", key.name)
            self._counts.ask(slot, now)
            self._counts.enter(slot)

    def end(self, key: Key | None, id: str, tokens: int, now: float) -> None:
        """Count it out, with the tokens that it took."""
        self._counts.leave(self._slot("model", id))
        if key is not None:
            slot = self._slot("key", key.name)
            self._counts.leave(slot)
            if tokens:
                self._counts.spend(slot, tokens, now)


def _granted(key: Key, id: str, model: Model) -> bool:
    return any(fnmatchcase(name, glob) for name in (id, *model.aliases) for glob in key.models)


def forbidden(key: Key, id: str) -> Refusal:
    """Return the answer to a key that has no grant for this model."""
    text = f"This key may not ask the model {id}; it may ask: {', '.join(key.models) or 'none'}."
    return refusal(403, "forbidden", text)


def limit(code: str, message: str, wait: float) -> Refusal:
    """Return the answer to a key or for a model that is over its limit; `wait` is in seconds."""
    wrong = refusal(429, code, message, hint="Ask again after the time in Retry-After.")
    return wrong._replace(retry_after=max(1.0, wait))
