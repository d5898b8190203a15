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
    ("seating.py", "if loads < most and unit", "if unit"),
    ("seating.py", "loads < most and unit.needs <= free:", "loads < most:"),
    ("seating.py", "if s.berth.device not in claimed)", "if True)"),
    ("seating.py", "claimed.add(found.device)", "pass"),
    ("seating.py", "if busy or not u.busy]", "]"),
    ("seating.py", "        and not (rules and fleet.rules(unit.model).pinned)\n", ""),
    ("seating.py", "if unit.state is State.READY\n        and at", "if at"),
    ("seating.py", "        and (unit.served or at - unit.since >= UNSERVED)\n", ""),
    ("seating.py", ">= min(unit.reload_seconds, most)", ">= 0"),
    ("seating.py", "- on_device, berth.room - held)", "- held, berth.room - held)"),
    ("seating.py", "- on_device, berth.room - held)", "- on_device, berth.room)"),
    ("seating.py", "if found is None and unit.preempts:", "if found is None:"),
    ("seating.py", "choice.cost < best[0].cost", "choice.cost > best[0].cost"),
    ("seating.py", "turn.do(Withdraw(victim.id))", "pass"),
    ("seating.py", "if not any(unit.state in up for unit in units):", "if True:"),
    ("seating.py", "for u in one.units if fleet.rules(u.model).pinned)", "for u in one.units)"),
    ("seating.py", "free + one.going:", "free:"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and not unit.busy:"),
    ("life.py", "and unit.withdrawn and not unit.busy:", "and unit.withdrawn:"),
    ("life.py", "turn.put(unit, wanted=True, preempts=preempts)", "turn.put(unit)"),
    ("life.py", "elif unit.state is not State.READY:", "else:"),
    ("life.py", "if unit.state is State.SIZING:", "if True:"),
    ("life.py", "if unit.state is not State.STARTING:", "if False:"),
    ("life.py", "if fits and not turn", "if not turn"),
    ("life.py", "if unit.state is State.STOPPING:\n        ended(", "if False:\n        ended("),
    ("life.py", "and allowed and not unit.less:", "and not unit.less:"),
    ("life.py", "and allowed and not unit.less:", "and allowed:"),
    ("life.py", "2 ** (failures - 1), LONGEST_BACKOFF)", "2 ** (failures - 1), 1e9)"),
    ("life.py", "if unit.wanted:", "if False:"),
    ("life.py", "if breaks >= BREAKS:", "if breaks > BREAKS:"),
    ("life.py", "if rules.closed:", "if False:"),
    ("ticking.py", "turn.fleet.wishes.policy.patience:", "1e9:"),
    ("ticking.py", "    if rules.pinned:\n        return None\n", ""),
    ("ticking.py", "None if unit.busy else _ttl(turn, unit)", "_ttl(turn, unit)"),
    ("ticking.py", "or (last and unit.id == last.id):", "or False:"),
    ("ticking.py", "and unit.failures < most and", "and"),
    ("ticking.py", "return  # the next one only", "continue  # the next one only"),
    ("ticking.py", "    if rules.closed:", "    if False:"),
    ("ticking.py", "elif unit.id not in turn.fleet.replicas(unit.model):", "elif False:"),
    ("turn.py", "self.seating = self.seating or unit.state in HOLDING", "pass"),
    ("turn.py", "(*waiting, unit.id)", "(unit.id, *waiting)"),
    ("turn.py", "for id, unit in holders[old].items() if id != before.id", "for id, unit in ()"),
    ("pools.py", "given = min(wanted, left[device])", "given = wanted"),
    ("pools.py", "key=lambda berth: berth.device in siblings", "key=lambda berth: 0"),
    ("pools.py", "if fleet.wishes.policy.spill else (CATCHALL,)", "if True else (CATCHALL,)"),
    ("pools.py", "elif rules.pinned or not has_catchall:", "elif not has_catchall:"),
    ("eviction.py", "if one[2].needs <= spare:", "if one[2].needs < spare - 3:"),
    ("eviction.py", "u.reload_seconds * likelihood", "likelihood"),
    ("eviction.py", "(cost / u.needs, u.id, n, cost)", "(cost / u.needs, '', n, cost)"),
    ("eviction.py", "if freed + bytes < shortage:", "if freed + bytes <= shortage:"),
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
