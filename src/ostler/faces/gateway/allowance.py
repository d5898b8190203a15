"""What a key may ask for and how much of it, held against what it has used; pure but for counts."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ostler.faces.gateway.counts import DAY_SECONDS, MINUTE_SECONDS, SLOTS, Counts
from ostler.faces.gateway.messages import Key, Model, Table
from ostler.faces.gateway.request import Refusal, refusal

ALL = ("*",)
Entered = tuple[int, ...]  # where a request is counted until it ends


class Allowances:
    """The limits of one table, over the counts that outlive it."""

    __slots__ = ("_base", "_counts", "_keys", "_models", "_slots")

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._slots: dict[str, int] = {}
        self._keys: dict[str, int] = {}  # the slots of keys, by name
        self._models: dict[str, int] = {}  # and of models, by id
        self._base: dict[str, tuple[int, int]] = {}  # by key: a day, tokens used before we counted

    def take(self, table: Table, now: float) -> None:
        """Take a new table's slots, and what its keys had used already."""
        self._slots.update(table.slots)
        self._keys = {key.name: self._slot(f"key:{key.name}") for key in table.keys}
        self._models = {id: self._slot(f"model:{id}") for id in table.models}
        day = int(now) // DAY_SECONDS
        for key in table.keys:
            counted = self._counts.spent(self._keys[key.name], now)
            base = self._base.get(key.name)
            if base is None or base[0] != day or base[1] + counted < key.tokens_used:
                self._base[key.name] = (day, max(0, key.tokens_used - counted))

    def _slot(self, name: str) -> int:
        slot = self._slots.get(name)
        if slot is None:  # a worker that is alone needs to agree with nobody
            slot = self._slots[name] = len(self._slots) % SLOTS
        return slot

    def admit(
        self,
        key: Key | None,
        id: str,
        model: Model,
        now: float,
        through: tuple[str, Model] | None = None,
    ) -> Refusal | Entered:
        """Let a request in and count it, or say why it gets nothing.

        `through` is the name that several models stand behind, with its entry in the table: a
        grant for that name is a grant for them.
        """
        entered: Entered = ()
        if model.concurrent is not None:
            slot = self._models[id]
            if self._counts.at_once(slot) >= model.concurrent:
                return limit("model_busy", f"The model {id} answers {model.concurrent} at once.", 1)
            entered = (slot,)
        if key is not None:
            granted = key.models == ALL or _granted(key, id, model)
            if not granted and not (through and _granted(key, *through)):
                return forbidden(key, through[0] if through else id)
            slot = self._keys[key.name]
            refused = self._over(key, slot, now)
            if refused is not None:
                return refused
            if key.requests_per_minute is not None:
                self._counts.ask(slot, now)
            if key.concurrent is not None:
                entered = (*entered, slot)
        for slot in entered:
            self._counts.enter(slot)
        return entered

    def _over(self, key: Key, slot: int, now: float) -> Refusal | None:
        most = key.concurrent
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

    def move(self, entered: Entered, before: str, id: str, model: Model) -> Entered | None:
        """Count a request with another model than before; None where that one is at its limit."""
        old, new = self._models.get(before), self._models[id]
        if model.concurrent is not None and self._counts.at_once(new) >= model.concurrent:
            return None
        for slot in (slot for slot in entered if slot == old):
            self._counts.leave(slot)
        kept = tuple(slot for slot in entered if slot != old)
        if model.concurrent is None:
            return kept
        self._counts.enter(new)
        return (new, *kept)

    def end(self, entered: Entered, key: Key | None, tokens: int, now: float) -> None:
        """Count a request out, with the tokens that it took."""
        for slot in entered:
            self._counts.leave(slot)
        if key is not None and tokens:
            # Counted without a limit too: one may be set in the middle of a day.
            slot = self._keys.get(key.name, -1)
            if slot >= 0:
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
