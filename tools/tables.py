"""Write `src/ostler/records/tables.sql`: the tables of new records in SQLite, as one script.

A new home's first command makes its records by this script, which takes 5 ms; Alembic, which
changes the tables of older homes, takes 300 ms to load and run. `--check` only says whether the
script is current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from ostler.records.head import HEAD
from ostler.records.schema import metadata

SCRIPT = Path(__file__).resolve().parent.parent / "src" / "ostler" / "records" / "tables.sql"
TOP = "-- Made by tools/tables.py from schema.py; edit that, not this.\n\n"
VERSION = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);\n"


def main() -> int:
    """Write the script, or say whether it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    current = script()
    if parser.parse_args().check:
        stale = not SCRIPT.exists() or SCRIPT.read_text() != current
        sys.stderr.write("stale: run python tools/tables.py\n" if stale else "")
        return int(stale)
    SCRIPT.write_text(current)
    return 0


def script() -> str:
    """Return the script: every table and index, and the migration that they stand at."""
    dialect = sqlite.dialect()  # type: ignore[no-untyped-call]
    made = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        made += [
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda one: str(one.name))
        ]
    body = "".join(_tidy(one) + ";\n" for one in made)
    return f"{TOP}{body}{VERSION}INSERT INTO alembic_version VALUES ('{HEAD}');\n"


def _tidy(statement: str) -> str:
    lines = (line.rstrip().replace("\t", "  ") for line in statement.strip().splitlines())
    return "\n".join(line for line in lines if line)


if __name__ == "__main__":
    sys.exit(main())
