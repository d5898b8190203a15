"""The frame for measurements: alternation, ratios, and the one JSON object at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.rows import alternate, as_document, ratio_row

ROOT = Path(__file__).resolve().parents[2]


def test_the_sides_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    samples = alternate({"a": lambda: side("a"), "b": lambda: side("b")}, 2)
    assert calls == ["a", "b"] * 3
    assert samples == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_a_ratio_is_of_medians_and_knows_its_target() -> None:
    row = ratio_row("x", [2.0, 4.0, 90.0], [1.0, 2.0, 3.0], "s", at_most=2)
    assert (row.value, row.against, row.ratio, row.ok) == (4.0, 2.0, 2.0, True)
    assert ratio_row("x", [5.0], [2.0], "s", at_most=2).ok is False


def test_the_last_line_is_one_json_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "startup", "--json", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout.splitlines()[-1])
    assert set(document) == set(as_document("x", []))
    assert {row["measure"] for row in document["rows"]} == {"ostler --help", "ostler ls"}
    assert set(document["rows"][0]) == {
        "measure", "value", "unit", "against", "ratio", "target", "ok",
    }  # fmt: skip
