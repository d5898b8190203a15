"""The estimates meet their targets on the calibration rows, and the constants come from these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.estimate import rows
from bench.measured import TABLE, predicted, read
from tools.calibrate.fitting import fit, standing

ROOT = Path(__file__).resolve().parents[2]


def test_the_targets_hold() -> None:
    found = {row.measure.split(" (")[0]: row for row in rows(1)}
    judged = [row for row in found.values() if row.ok is not None and "/s" not in row.unit]
    assert len(judged) >= 7
    assert [row.measure for row in judged if not row.ok] == []
    assert found["total, its family left out: median error"].value <= 4


def test_another_table_is_scored_without_a_word_of_ours(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if ",kv," in line)
    table.write_text("\n".join([lines[0], first, first.replace("deepseek", "nobody")]) + "\n")
    configs = TABLE.parent / "configs"
    (one, other) = read(table, configs)
    assert predicted(one)[0] is not None
    assert predicted(other) == (None, "no config.json")
    names = [row.measure for row in rows(1, table, configs)]
    assert "kv: within 0.5 % (1 rows)" in names
    assert "  because no config.json" in names


def test_the_constants_are_what_the_rows_give() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.calibrate", "--check"], cwd=ROOT, check=False
    )
    assert done.returncode == 0


def test_without_rows_there_is_no_constant() -> None:
    found = fit([])
    assert {constant.value for constant in found.values()} == {0.0}
    with standing(found):
        every = read(TABLE, TABLE.parent / "configs")
        sizes = [predicted(one)[0] for one in every if one.component == "total"]
    assert all(size is not None for size in sizes)
