"""Adds events for ever and says each number once it is acknowledged; a test kills it."""

from __future__ import annotations

import sys
from pathlib import Path

from ostler.nouns import Event
from ostler.records.records import Records

records = Records(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    records.events.add([Event("load", f"{sys.argv[2]}-{number}")])
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
