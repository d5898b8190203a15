"""Put faults into the fleet by hand, one at a time, and see that its tests catch each of them.

`python tools/fleet_faults.py [NUMBER ...]` copies the package, breaks one line of the copy, and
runs the fleet's tests against it. It prints what was caught and ends with 1 if a fault survived.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLEET = "ostler/core/fleet"

# The quickest first: most faults fall to them.
LAWS = ROOT / "tests/core/fleet/test_laws.py"
TESTS = [str(one) for one in sorted(LAWS.parent.glob("test_*.py")) if one != LAWS] + [str(LAWS)]

# (file, what stands there, what a tired hand would have written)
FAULTS = (
    ("seating.py", "lambda s: s.loads < loads and wants <= s.free", "lambda s: wants <= s.free"),
    ("seating.py", "lambda s: s.loads < loads and wants <= s.free", "lambda s: s.loads < loads"),
    ("seating.py", "if s.berth.device not in claimed)", "if True)"),
    (
        "seating.py",
        "claimed.update(_seat(turn, turn.fleet.units[id], claimed))",
        "_seat(turn, turn.fleet.units[id], claimed)",
    ),
    (
        "seating.py",
        "min(fleet.room.get(berth.device, 0) - deck.held, berth.room - held)",
        "fleet.room.get(berth.device, 0) - deck.held",
    ),
    (
        "seating.py",
        "min(fleet.room.get(berth.device, 0) - deck.held, berth.room - held)",
        "berth.room - held",
    ),
    (
        "seating.py",
        "if not found and unit.preempts:\n        found = _let_go",
        "if not found:\n        found = _let_go",
    ),
    ("seating.py", "wants <= one.free + one.going)", "wants <= one.free)"),
    ("seating.py", "if len(found) == count:", "if found:"),
    ("seating.py", "if not any(len(tier) >= count for tier in every):", "if not any(every):"),
    ("seating.py", "if fleet.rules(other.model).pinned\n", "if True\n"),
    (
        "seating.py",
        "return unit.needs - unit.holds if unit.asleep else unit.needs",
        "return unit.needs",
    ),
    (
        "seating.py",
        "turn.enter(unit, State.WAKING, asleep=False,",
        "turn.enter(unit, State.WAKING,",
    ),
    ("seating.py", "or _let_go(turn, unit, open_, busy=True)", "or ()"),
    ("seating.py", "return len(unit.places) if unit.asleep else unit.spread", "return 1"),
    (
        "leaving.py",
        "    if fleet.wishes.rules and fleet.rules(unit.model).pinned:\n        return False\n",
        "",
    ),
    ("leaving.py", "if unit.busy and (unit.kept or not busy):", "if unit.busy and unit.kept:"),
    ("leaving.py", "if unit.busy and (unit.kept or not busy):", "if unit.busy and not busy:"),
    ("leaving.py", "if stayed < UNSERVED and not unit.served:", "if False:"),
    (
        "leaving.py",
        "return stayed >= min(unit.reload_seconds, fleet.wishes.policy.residency)",
        "return True",
    ),
    ("leaving.py", "if len(best) < count:", "if not best:"),
    (
        "leaving.py",
        "insort(best, (found.cost, place, device))",
        "insort(best, (-found.cost, place, device))",
    ),
    ("leaving.py", "for naps in (True, False):", "for naps in (True,):"),
    ("leaving.py", "            every = without\n", "            pass\n"),
    ("leaving.py", "turn.do(Withdraw(unit.id))", "pass"),
    (
        "leaving.py",
        "        turn.do(Stop(unit.id))\n        return\n",
        "        return\n",
    ),
    ("leaving.py", "if fleet.room.get(HOST, 0) - deck.held < nap.kept:\n        return None\n", ""),
    ("leaving.py", "sleeps = sleeps and can_sleep(turn.fleet, unit)", "sleeps = sleeps"),
    ("leaving.py", "return here in unit.places or here == unit.host", "return True"),
    ("leaving.py", "return here in unit.places or here == unit.host", "return here in unit.places"),
    ("eviction.py", "if one.bytes <= spare:", "if one.bytes < spare - 3:"),
    ("eviction.py", "cost = unit.reload_seconds * uses\n", "cost = uses\n"),
    ("eviction.py", "if freed + one.bytes < shortage:", "if freed + one.bytes <= shortage:"),
    ("eviction.py", "elif spent + one.cost < least:", "elif True:"),
    (
        "eviction.py",
        "if spent + one.density * (shortage - freed) >= least:",
        "if spent + one.cost >= least:",
    ),
    ("eviction.py", "while heap and (lowest > reach or lowest > self._cut):", "while heap:"),
    ("eviction.py", "while heap and (lowest > reach or lowest > self._cut):", "while False:"),
    ("eviction.py", "+ at / SOON", "+ at / (20 * SOON)"),
    ("eviction.py", "bytes = nap.kept if on_host else nap.left", "bytes = nap.left"),
    (
        "eviction.py",
        "cost = max(unit.reload_seconds - nap.seconds, 0.0) * uses",
        "cost = unit.reload_seconds * uses",
    ),
    ("eviction.py", "if cost / bytes >= away.density:", "if False:"),
    (
        "eviction.py",
        "cost, bytes = nap.seconds * uses, unit.needs - nap.left",
        "cost, bytes = nap.seconds * uses, unit.needs",
    ),
    ("eviction.py", "one._replace(density=(unit.usage or NEVER).last)", "one"),
    ("decks.py", "_add(berths, was, -1)", "pass"),
    (
        "decks.py",
        "held, loads = held - was.held, loads - was.loading",
        "held, loads = held - was.held, loads",
    ),
    ("decks.py", "        del units[after.id]\n", ""),
    ("decks.py", "stays = unit.nap.left if unit.to_sleep and unit.nap else 0", "stays = 0"),
    ("decks.py", "order = _removed(order, before.id)", "pass"),
    ("decks.py", "insort(known, (ranks.get(id, rank), id))", "known.append((rank, id))"),
    (
        "decks.py",
        "if was == now and before.state is after.state:",
        "if before.state is after.state:",
    ),
    ("decks.py", "leaves = unit.nap.kept if unit.state is State.STOPPING else 0", "leaves = 0"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and not unit.busy:"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and unit.withdrawn:"),
    ("life.py", "turn.put(unit, wanted=True, preempts=preempts)", "turn.put(unit)"),
    ("life.py", "elif unit.state is not State.READY:", "else:"),
    ("life.py", "if unit.state is State.SIZING:", "if True:"),
    ("life.py", "if unit.state not in LOADING:", "if False:"),
    ("life.py", "if not fits or fleet", "if fleet"),
    ("life.py", "if unit.state is State.STOPPING:\n        ended(", "if False:\n        ended("),
    ("life.py", "and allowed and not unit.less:", "and not unit.less:"),
    ("life.py", "and allowed and not unit.less:", "and allowed:"),
    ("life.py", "2 ** (failures - 1), LONGEST_BACKOFF)", "2 ** (failures - 1), 1e9)"),
    ("life.py", "if unit.wanted:", "if False:"),
    ("life.py", "why=failure.why, failure=failure,", "why=failure.why,"),
    ("life.py", "usage=usage, used_at=turn.at)", "usage=usage)"),
    ("life.py", "if breaks >= BREAKS:", "if breaks > BREAKS:"),
    ("life.py", "if turn.at - unit.broke_at <= SOON else 1", "if True else 1"),
    ("life.py", "if rules.closed:", "if False:"),
    ("life.py", "host=None,\n        usage", "usage"),
    ("life.py", "State.DOZING if unit.to_sleep else State.STOPPING", "State.STOPPING"),
    ("life.py", "asleep=True, to_sleep=False)", "to_sleep=False)"),
    ("life.py", "in (State.STOPPING, State.DOZING):", "in (State.STOPPING,):"),
    ("life.py", "turn.put(unit, to_sleep=False, host=None, why=why,", "turn.put(unit, why=why,"),
    ("life.py", "kept=event.keep)", "kept=False)"),
    ("life.py", "elif unit.state in HOLDING and event.keep and not unit.kept:", "elif False:"),
    ("life.py", "until=None if unit.lease is None else turn.at + unit.lease,", "until=None,"),
    ("life.py", "until = turn.at + event.lease if", "until = None if"),
    ("life.py", "evicted_at=None, lease=None)", "evicted_at=None)"),
    (
        "life.py",
        "elif unit.state is State.ASLEEP:\n        turn.enter(",
        "elif False:\n        turn.enter(",
    ),
    ("ticking.py", "turn.fleet.wishes.policy.patience:", "1e9:"),
    ("ticking.py", "    if rules.pinned:\n        return None\n", ""),
    ("ticking.py", "None if unit.busy else _ttl(turn, unit)", "_ttl(turn, unit)"),
    ("ticking.py", "or (last and unit.id == last.id):", "or False:"),
    ("ticking.py", "and unit.failures < most and", "and"),
    ("ticking.py", "and not unit.failure.lasting", ""),
    ("ticking.py", "return  # the next one only", "continue  # the next one only"),
    ("ticking.py", "    if rules.closed:", "    if False:"),
    ("ticking.py", "elif unit.id not in turn.fleet.replicas(unit.model):", "elif False:"),
    ("ticking.py", "turn.at >= unit.until:", "False:"),
    ("ticking.py", "turn.do(Stop(unit.id))", "pass"),
    (
        "ticking.py",
        "if unit.state not in RUNNING or turn.fleet.units[unit.id] is not unit:",
        "if unit.state not in RUNNING:",
    ),
    (
        "ticking.py",
        "places = tuple(_new_place(turn, unit, place) for place in unit.places)",
        "places = unit.places",
    ),
    ("turn.py", "self.seating = self.seating or unit.state in HOLDING", "pass"),
    ("turn.py", "(*waiting, unit.id)", "(unit.id, *waiting)"),
    ("turn.py", '"places": (), ', '"lease": None, '),
    ("turn.py", '{"failure": None, **changes}', "changes"),
    ("turn.py", "self.at if unit.busy else unit.used_at", "unit.used_at"),
    ("turn.py", '"asleep": False, ', ""),
    ("pools.py", "given = min(wanted, left[device])", "given = wanted"),
    ("pools.py", "key=lambda berth: berth.device in siblings", "key=lambda berth: 0"),
    ("pools.py", "if fleet.wishes.policy.spill else (CATCHALL,)", "if True else (CATCHALL,)"),
    ("pools.py", "elif rules.pinned or not has_catchall:", "elif not has_catchall:"),
    ("pools.py", "    if unit.asleep:\n", "    if False:\n"),
    ("routing.py", "return tuple(sound or ready)", "return tuple(sound)"),
    ("thrashing.py", "unit.evicted_at is None or", "unit.evicted_at is not None or"),
    ("refusals.py", "if not any(unit.state in up for unit in units):", "if True:"),
    ("refusals.py", "None if failure.lasting else wait", "wait"),
    ("refusals.py", "if now or again is None else", "if now else"),
    ("refusals.py", 'failure.hint or f"ostler logs', 'f"ostler logs'),
    ("refusals.py", "Refuse(unit.model, failure.code,", 'Refuse(unit.model, "engine_failed",'),
    ("refusals.py", "State.ASLEEP if unit.asleep else State.STOPPED", "State.STOPPED"),
    (
        "state.py",
        "return self.nap.left if self.asleep and self.nap else self.needs",
        "return self.needs",
    ),
)


def survives(file: str, old: str, new: str) -> bool:
    """Say whether the tests pass with this fault."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "src/ostler", Path(folder, "ostler"))
        place = Path(folder, FLEET, file)
        text = place.read_text()
        if text.count(old) < 1:
            raise SystemExit(f"{file} has no line {old!r}; the list of faults is out of date")
        place.write_text(text.replace(old, new, 1))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-qx", "--noconftest", "-p", "no:cacheprovider",
             *TESTS],
            cwd=ROOT, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": folder, "OSTLER_HISTORIES": "150"},
        )  # fmt: skip
    if done.returncode not in (0, 1):  # tests that do not run at all catch nothing
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 0


def main(numbers: list[int]) -> int:
    """Try the faults with these numbers, or all of them."""
    survivors = []
    for number in numbers or range(len(FAULTS)):
        file, old, new = FAULTS[number]
        if survives(file, old, new):
            survivors.append(number)
            print(f"SURVIVED {number} {file}: {old.strip()!r} -> {new.strip()!r}", flush=True)
    print(f"{len(numbers or FAULTS) - len(survivors)} of {len(numbers or FAULTS)} faults caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]]))
