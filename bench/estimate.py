"""How near estimates are to memory that others measured, how fast they come, how little is read."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.calibrate.fitting import fit, standing

from bench.measured import TABLE, Measured, predicted, read
from bench.rows import Row
from bench.sizing import range_bytes
from ostler.core.facts import described
from ostler.core.memory import estimate
from ostler.nouns import Workload

ROUNDS_OF_SPEED = 2000
SPEED_MODEL = "deepseek-ai--DeepSeek-V3.json"
WITHIN = {"kv": (0.5, 97), "weights, file": (2.0, 95)}  # percent: so near, on so many rows


def rows(rounds: int, table: Path | None = None, configs: Path | None = None) -> list[Row]:
    """Score a table with the columns of measured_memory.csv; by default, the calibration rows."""
    place = table or TABLE
    every = read(place, configs or place.parent / "configs")
    scored = _errors(every)
    found = _near(scored) + _totals("total", scored.get("total", []))
    found += _totals("total, its family left out", _left_out(every))
    for other in ("activation", "non_torch", "compute_buffer", "graphs"):
        if sizes := scored.get(other):
            found.append(Row(f"{other}: median error", _median(sizes), "%"))
    unsaid = [(one, why) for one in every if (why := predicted(one)[1])]
    found.append(Row("rows without an estimate", len(unsaid), f"of {len(every)}"))
    for why, many in _reasons(unsaid):
        found.append(Row(f"  because {why}", many, "rows"))
    return [*found, _speed(max(rounds, 3)), *range_bytes()]


def _errors(every: Iterable[Measured]) -> dict[str, list[float]]:
    """Return by component how many percent each estimate is above its row."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in every:
        size, _ = predicted(one)
        if size is not None:
            found[one.component].append((size / one.bytes - 1) * 100)
    return found


def _near(scored: dict[str, list[float]]) -> list[Row]:
    found = []
    for name, (limit, target) in WITHIN.items():
        errors = [error for part in name.split(", ") for error in scored.get(part, [])]
        if errors:
            near = 100 * sum(abs(error) <= limit for error in errors) / len(errors)
            name_of_row = f"{name}: within {limit} % ({len(errors)} rows)"
            found.append(
                Row(
                    name_of_row,
                    round(near, 1),
                    "% of rows",
                    target=f">= {target}",
                    ok=near >= target,
                )
            )
            found.append(Row(f"{name}: largest error", round(max(map(abs, errors)), 2), "%"))
    return found


def _totals(name: str, errors: Sequence[float]) -> list[Row]:
    if not errors:
        return []
    sizes = sorted(abs(error) for error in errors)
    tenth = sizes[min(-(-len(sizes) * 9 // 10), len(sizes)) - 1]
    low = round(100 * sum(error < -5 for error in errors) / len(errors), 1)
    middle = _median(errors)
    judged = "left out" not in name
    return [
        Row(f"{name}: median error ({len(errors)} rows)", middle, "%", target="<= 4",
            ok=middle <= 4 if judged else None),
        Row(f"{name}: 90th percentile", round(tenth, 2), "%", target="<= 10",
            ok=tenth <= 10 if judged else None),
        Row(f"{name}: too low by more than 5 %", low, "% of rows", target="<= 2",
            ok=low <= 2 if judged else None),
    ]  # fmt: skip


def _median(errors: Sequence[float]) -> float:
    return round(statistics.median(abs(error) for error in errors), 2)


def _left_out(every: Sequence[Measured]) -> list[float]:
    """Return the errors of totals, each with constants from the rows of all other families."""
    found: list[float] = []
    for family in sorted({one.family for one in every if one.component == "total"}):
        own = [one for one in every if one.family == family and one.component == "total"]
        with standing(fit([one for one in every if one.family != family])):
            found += _errors(own).get("total", [])
    return found


def _reasons(unsaid: Sequence[tuple[Measured, str]]) -> list[tuple[str, int]]:
    many: dict[str, int] = defaultdict(int)
    for _, why in unsaid:
        many[why] += 1
    return sorted(many.items(), key=lambda pair: -pair[1])


def _speed(rounds: int) -> Row:
    """Return how many estimates a second come from facts in memory, the median of some rounds."""
    place = TABLE.parent / "configs" / SPEED_MODEL
    facts = described(json.loads(place.read_text(encoding="utf-8")))
    rates = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for number in range(ROUNDS_OF_SPEED):
            estimate(facts, Workload(context=1024 + number, kv_dtype="auto"), "vllm")
        rates.append(ROUNDS_OF_SPEED / (time.perf_counter() - begun))
    rate = round(statistics.median(rates))
    return Row("estimates from facts in memory", rate, "/s", target=">= 5000", ok=rate >= 5000)
