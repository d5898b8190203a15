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

# (file, what stands there, what a tired hand would have written)
FAULTS = (
    ("seating.py", "if loading < most and", "if"),
    ("seating.py", "and unit.needs <= free(turn.fleet, berth):", "and True:"),
    ("seating.py", "if b.device not in claimed)", "if True)"),
    ("seating.py", "claimed.add(berth.device)", "pass"),
    ("seating.py", "if (busy or not u.busy) and _may_go", "if _may_go"),
    ("seating.py", "is not State.READY or fleet.rules(unit.model).pinned:", "is not State.READY:"),
    ("seating.py", "if unit.state is not State.READY or", "if"),
    ("seating.py", "if unit.served else max(stays, UNSERVED))", ")"),
    ("seating.py", "return at - unit.since >=", "return at - unit.since >= 0 *"),
    ("seating.py", "return min(on_device, berth.room", "return max(on_device, berth.room"),
    ("seating.py", "if berth is None and unit.preempts:", "if berth is None:"),
    ("seating.py", "if best is None or cost < best[0]:", "if best is None or cost > best[0]:"),
    ("seating.py", "    turn.do(Withdraw(victim.id))\n", "    turn.do(Stop(victim.id))\n"),
    ("seating.py", "    if not any(unit.state in up for unit in units):", "    if True:"),
    ("seating.py", "if fleet.rules(u.model).pinned)\n        if unit.preempts", ")\n        if unit.preempts"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and not unit.busy:"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and unit.withdrawn:"),
    ("life.py", "turn.put(unit, wanted=True, preempts=preempts)", "turn.put(unit)"),
    ("life.py", "elif unit.state is not State.READY:", "else:"),
    ("life.py", "    if unit.state is State.SIZING:\n        turn.enter", "    if True:\n        turn.enter"),
    ("life.py", "    if unit.state is not State.STARTING:\n        return\n", ""),
    ("life.py", "if fits and not turn", "if not turn"),
    ("life.py", "if unit.state is State.STOPPING:\n        ended(", "if False:\n        ended("),
    ("life.py", "and allowed and not unit.less:", "and not unit.less:"),
    ("life.py", "and allowed and not unit.less:", "and allowed:"),
    ("life.py", "2 ** (failures - 1), LONGEST_BACKOFF)", "2 ** (failures - 1), 1e9)"),
    ("life.py", "    answer(turn, Refuse(unit.model, \"engine_failed\", event.why", "    (lambda *_: 0)(turn, Refuse(unit.model, \"engine_failed\", event.why"),
    ("life.py", "        if unit.wanted:\n", "        if False:\n"),
    ("life.py", "        turn.do(Withdraw(unit.id))\n\n\ndef _stop_now", "        turn.do(Stop(unit.id))\n\n\ndef _stop_now"),
    ("life.py", "if breaks >= BREAKS:", "if breaks > BREAKS:"),
    ("life.py", "    if rules.closed:", "    if False:"),
    ("life.py", "    answer(turn, Refuse(unit.model, \"stopped\"", "    (lambda *_: 0)(turn, Refuse(unit.model, \"stopped\""),
    ("ticking.py", "turn.fleet.wishes.policy.patience:", "1e9:"),
    ("ticking.py", "    if rules.pinned:\n        return None\n", ""),
    ("ticking.py", "or unit.busy:", "or False:"),
    ("ticking.py", "if not keep and _has_idled", "if _has_idled"),
    ("ticking.py", "and unit.failures < most and", "and"),
    ("ticking.py", "                return  # the next one only", "                continue  # the next one only"),
    ("ticking.py", "    if rules.closed:", "    if False:"),
    ("ticking.py", "elif unit.id not in turn.fleet.replicas(unit.model):", "elif False:"),
    ("turn.py", "        if before in HOLDING and state not in HOLDING:\n            self.seating = True\n", ""),
    ("turn.py", "return waiting if unit.id in waiting else (*waiting, unit.id)", "return (unit.id, *waiting)"),
    ("turn.py", "            left = tuple(id for id in holders[old] if id != before.id)", "            left = holders[old]"),
    ("pools.py", "given = min(wanted, left[device])", "given = wanted"),
    ("pools.py", "key=lambda berth: berth.device in siblings", "key=lambda berth: 0"),
    ("pools.py", "if fleet.wishes.policy.spill else (CATCHALL,)", "if True else (CATCHALL,)"),
    ("pools.py", "elif rules.pinned or not has_catchall:", "elif not has_catchall:"),
    ("eviction.py", "if one.bytes <= spare:", "if one.bytes < spare - 3:"),
    ("eviction.py", "one.reload_seconds * likelihood(one.usage, at) for one in candidates}", "likelihood(one.usage, at) for one in candidates}"),
    ("eviction.py", "costs[one.id] / one.bytes, one.id))", "costs[one.id] / one.bytes,))"),
    ("routing.py", "return tuple(sound or ready)", "return tuple(sound)"),
    ("thrashing.py", "unit.evicted_at is None or", "unit.evicted_at is not None or"),
)  # fmt: skip


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
             "tests/core/fleet"],
            cwd=ROOT, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": folder, "OSTLER_HISTORIES": "150"},
        )  # fmt: skip
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
