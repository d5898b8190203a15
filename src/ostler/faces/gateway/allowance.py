"""What a key may ask for and how much of it, held against what it has used; pure but for counts.

A worker takes a share of what is left under a limit and lets requests in against that, so that not
each of them has to look at the counts that all workers share. What is taken is counted at once, so
all shares together never come to more than the limit; what is not used is given back soon.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from ostler.core.sizes import counted
from ostler.faces.gateway.counts import DAY_SECONDS, MINUTE_SECONDS, SLOTS, Counts
from ostler.faces.gateway.messages import Key, Model, Table
from ostler.faces.gateway.request import Refusal, refusal

ALL = ("*",)
SHARE = 64  # requests, at most, that may come in before the counts are looked at again
# Of what is left a worker takes one part in so many times the workers: the others find the rest.
PART = 4
PLENTY = 1 << 29  # where there is no limit


class Share:
    """What one key, or one model, may still do in this worker before it looks again."""

    __slots__ = (
        "concurrent",
        "held",
        "left",
        "minute",
        "per_day",
        "per_minute",
        "seats",
        "slot",
        "turns",
        "unwritten",
        "used_before",
    )

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.per_minute: int | None = None
        self.concurrent: int | None = None
        self.per_day: int | None = None
        self.turns = 0  # requests that may come in
        self.minute = 0  # in which these are counted
        self.seats = 0  # that are free, of those this worker has
        self.held = 0  # seats that it has
        self.left = 0  # tokens that may be used
        self.unwritten = 0  # tokens used that are not in the counts yet
        self.used_before = (0, 0)  # a day, and tokens used in it before we counted


Entered = tuple[Share, ...]  # whose seats a request has until it ends


class Allowances:
    """The limits of one table, over the counts that outlive it."""

    __slots__ = (
        "_anybody",
        "_counts",
        "_every",
        "_keys",
        "_models",
        "_part",
        "_slots",
        "_spenders",
        "_takers",
    )

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._part = 1 if counts.workers == 1 else PART * counts.workers
        self._slots: dict[str, int] = {}
        self._anybody = Share(-1)
        self._every: dict[str, Share] = {}
        self._keys: dict[str, Share] = {}  # of the table's keys, by name
        self._models: dict[str, Share] = {}  # of its models, by id
        self._takers: dict[Share, None] = {}  # who hold something of the shared counts
        self._spenders: list[Share] = []  # who have unwritten tokens

    def take(self, table: Table, now: float) -> None:
        """Take a new table's slots, and what its keys had used already."""
        self.settle(now)
        self._slots.update(table.slots)
        self._keys = {key.name: self._share(f"key:{key.name}") for key in table.keys}
        self._models = {id: self._share(f"model:{id}") for id in table.models}
        day = int(now) // DAY_SECONDS
        for key in table.keys:
            share = self._keys[key.name]
            share.per_minute = key.requests_per_minute
            share.concurrent, share.per_day = key.concurrent, key.tokens_per_day
            share.turns = share.left = 0
            counted = self._counts.spent(share.slot, now)
            since, before = share.used_before
            if since != day or before + counted < key.tokens_used:
                share.used_before = (day, max(0, key.tokens_used - counted))
        for id, model in table.models.items():
            self._models[id].concurrent = model.concurrent

    def _share(self, name: str) -> Share:
        slot = self._slots.get(name)
        if slot is None:  # a worker that is alone needs to agree with nobody
            slot = self._slots[name] = len(self._slots) % SLOTS
        share = self._every.get(name)
        if share is None or share.slot != slot:
            share = self._every[name] = Share(slot)
        return share

    def of_key(self, key: Key | None) -> Share:
        """Return what a caller's key may still do; of callers without one there is one for all."""
        return self._anybody if key is None else self._keys.get(key.name, self._anybody)

    def seats(self, key: Key | None, id: str, model: Model) -> Entered:
        """Return where a request with this key for this model takes a seat."""
        room = (self._models[id],) if model.concurrent is not None else ()
        return (*room, self._keys[key.name]) if key and key.concurrent is not None else room

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
        if model.concurrent is not None and not self.has_seat(self._models[id], now):
            return limit("model_busy", f"The model {id} answers {model.concurrent} at once.", 1)
        if key is not None:
            granted = key.models == ALL or _granted(key, id, model)
            if not granted and not (through and _granted(key, *through)):
                return forbidden(key, through[0] if through else id)
            share = self._keys[key.name]
            if not self.lets_in(share, now):
                return _over(share, now)
            share.turns -= 1
        entered = self.seats(key, id, model)
        for one in entered:
            one.seats -= 1
        return entered

    def lets_in(self, share: Share, now: float) -> bool:
        """Say whether a key may ask once more; look at the counts where its share is used up."""
        if not self._is_open(share):
            self._look(share, now)
        return self._is_open(share)

    def _is_open(self, share: Share) -> bool:
        has_seat = share.seats > 0 or share.concurrent is None
        return has_seat and share.turns > 0 and share.left > 0

    def has_seat(self, share: Share, now: float) -> bool:
        """Say whether one more may be served at once; look at the counts where none is free."""
        if not share.seats:
            self._look(share, now)
        return share.seats > 0

    def _look(self, share: Share, now: float) -> None:
        """Take a new share of all that is limited."""
        self._give_back(share, now)
        counts, slot = self._counts, share.slot
        self._takers[share] = None
        share.turns, share.minute = PLENTY, int(now) // MINUTE_SECONDS
        if share.per_minute is not None:
            share.turns = self._some(int(share.per_minute - counts.asked(slot, now)))
            counts.ask(slot, now, share.turns)
        if share.concurrent is not None:
            share.seats = self._some(share.concurrent - counts.at_once(slot))
            share.held += share.seats
            counts.enter(slot, share.seats)
        share.left = PLENTY
        if share.per_day is not None:
            day, before = share.used_before
            before = before if day == int(now) // DAY_SECONDS else 0
            share.left = share.per_day - before - counts.spent(slot, now)

    def _some(self, left: int) -> int:
        return min(SHARE, max(left // self._part, min(1, left)))

    def _give_back(self, share: Share, now: float) -> None:
        if share.unwritten:
            if share is not self._anybody:
                self._counts.spend(share.slot, share.unwritten, now)
            share.unwritten = 0
        if share.seats:
            self._counts.leave(share.slot, share.seats)
            share.held -= share.seats
            share.seats = 0
        if share.turns and share.per_minute is not None:
            self._counts.take_back(share.slot, share.minute, share.turns)
        share.turns = 0

    def settle(self, now: float) -> None:
        """Count what was spent, and give back what was taken and not used."""
        for share in [*self._spenders, *self._takers]:
            self._give_back(share, now)
            if not share.held:
                self._takers.pop(share, None)
        self._spenders.clear()

    def park(self, id: str) -> int:
        """Count a request that waits for its model; return where it is counted."""
        slot = self._models[id].slot
        self._counts.park(slot)
        return slot

    def unpark(self, slot: int) -> None:
        """Count it out again."""
        self._counts.park(slot, -1)

    def move(
        self, entered: Entered, before: str, id: str, model: Model, now: float
    ) -> Entered | None:
        """Count a request with another model than before; None where that one is at its limit."""
        old, new = self._models.get(before), self._models[id]
        if model.concurrent is not None and not self.has_seat(new, now):
            return None
        kept = tuple(one for one in entered if one is not old)
        if len(kept) < len(entered) and old is not None:
            old.seats += 1
        if model.concurrent is None:
            return kept
        new.seats -= 1
        return (new, *kept)

    def end(self, entered: Entered, key: Key | None, tokens: int) -> None:
        """Count a request out, with the tokens that it took."""
        for share in entered:
            share.seats += 1
        if tokens:
            self.spend(self.of_key(key), tokens)

    def spend(self, share: Share, tokens: int) -> None:
        """Count tokens used; without a limit too, for one may be set in the middle of a day."""
        if not share.unwritten:
            self._spenders.append(share)
        share.unwritten += tokens
        share.left -= tokens


def _over(share: Share, now: float) -> Refusal:
    most = share.concurrent
    if most is not None and share.seats < 1:
        return limit("too_many_at_once", f"This key may ask {most} at once.", 1)
    if share.left < 1:
        left = DAY_SECONDS - now % DAY_SECONDS
        return limit(
            "tokens_used_up", f"This key may use {share.per_day} tokens a day (UTC).", left
        )
    most = share.per_minute or 0
    wait = MINUTE_SECONDS - now % MINUTE_SECONDS if most < 2 else MINUTE_SECONDS / most
    return limit("rate_limited", f"This key may ask {counted(most, 'time')} a minute.", wait)


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
