"""`python -m tools.calibrate [--check]`: write core/memory/calibrated.py from the rows."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from bench.measured import TABLE, read
from tools.calibrate.fitting import fit

from ostler.core.memory.calibrated import Constant

TARGET = Path(__file__).parents[2] / "src/ostler/core/memory/calibrated.py"
MARK = "CONSTANTS = {"


def written(constants: dict[str, Constant], before: str) -> str:
    """Return the module with these constants in the place of its own."""
    head = before[: before.index(MARK)]
    lines = [MARK]
    for name, (value, rows) in constants.items():
        lines += [f'    "{name}": Constant(', f"        {value!r},", *_text(rows), "    ),"]
    return head + "\n".join([*lines, "}", ""])


def _text(rows: str) -> list[str]:
    """Return the source lines of a text, as narrow as the formatter wants them."""
    parts = [part + " " for part in textwrap.wrap(rows, 80, break_on_hyphens=False)]
    parts[-1] = parts[-1].rstrip()
    quoted = [f'"{part}"' for part in parts]
    return [f"        {one}" for one in quoted[:-1]] + [f"        {quoted[-1]},"]


def main() -> int:
    """Write the constants, or say with --check whether they are what the rows give."""
    parser = argparse.ArgumentParser(prog="python -m tools.calibrate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if they differ")
    asked = parser.parse_args()
    before = TARGET.read_text(encoding="utf-8")
    after = written(fit(read(TABLE, TABLE.parent / "configs")), before)
    if asked.check:
        return int(after != before)
    TARGET.write_text(after, encoding="utf-8")
    print(after[after.index(MARK) :], end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
