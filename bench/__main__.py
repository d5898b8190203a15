"""`python -m bench NAME [--json] [--rounds N]`: run one benchmark and print its rows."""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import sys
from pathlib import Path

from bench.rows import Row, as_document

NAMES = {
    "startup": "how soon the command line answers, against an empty Python",
    "estimate": "how near estimates are to what was measured; --csv FILE --configs DIR for others",
    "pull": "fetching a model from nginx on loopback, against five other ways",
    "verify": "hashing what is kept, warm and cold, against hashlib on every core",
    "hub": "serving files to many, against nginx on the same files",
    "start": "what Ostler adds to an engine's start, against starting it by hand",
    "idle": "what a server that nobody asks takes, by how many models are kept",
    "export": "how many files for others to start models are written in a second",
    "fleet": "reload seconds against LRU, LFU, static costs and the future known; one step's cost",
    "swap": "from a cold request to its first token, less the engine's start; many swaps",
    "dashboard": "how soon a page of it is seen, cold and warm, in Chromium",
    "gateway": "what relaying costs, against HAProxy and the routers people use",
    "records": "what writing things down costs, and what measuring adds to a start",
}


def main() -> int:
    """Run the benchmark that was asked for; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=NAMES, help="what to measure; see bench/README.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of alternating sides")
    parser.add_argument("--csv", type=Path, help="estimate: a table like measured_memory.csv")
    parser.add_argument("--configs", type=Path, help="estimate: a folder of org--name.json")
    asked = parser.parse_args()
    compileall.compile_dir("src/ostler", quiet=1)  # as pip does with what it installs
    own = {"table": asked.csv, "configs": asked.configs} if asked.name == "estimate" else {}
    rows: list[Row] = importlib.import_module(f"bench.{asked.name}").rows(asked.rounds, **own)
    if asked.json:
        print(json.dumps(as_document(asked.name, rows)))
    else:
        print_table(rows)
    return 0 if all(row.ok is not False for row in rows) else 1


def print_table(rows: list[Row]) -> None:
    """Print the rows for a reader."""
    width = max(len(row.measure) for row in rows)
    for row in rows:
        against = f"against {row.against:g} {row.unit}" if row.against is not None else ""
        ratio = f"ratio {row.ratio:g}" if row.ratio is not None else ""
        verdict = {True: "ok", False: "MISSED", None: ""}[row.ok]
        parts = [f"{row.value:g} {row.unit}", against, ratio, row.target, verdict]
        print(f"{row.measure:<{width}}  " + "  ".join(part for part in parts if part))


if __name__ == "__main__":
    sys.exit(main())
