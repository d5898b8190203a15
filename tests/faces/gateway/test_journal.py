"""What ended is written down, whole lines, and neither twice nor not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ostler.faces.gateway.access_log import AccessLog
from ostler.faces.gateway.journal import TOGETHER, Journal
from ostler.faces.gateway.messages import Done, Ended, read_by_keeper


def ended(number: int, backend: str = "b") -> Ended:
    return Ended(
        1.5, "POST", "/v1/x", "m", backend, 200, 0.25, 0.125, 10, 20, 3, None, "anna", f"r{number}"
    )


def test_every_line_is_told_and_logged_once(tmp_path: Path) -> None:
    told: list[bytes] = []
    journal = Journal(told.append)
    journal.log.open(str(tmp_path / "log"))
    for number in range(2 * TOGETHER + 5):
        journal.note(ended(number, backend="" if number % 7 == 0 else "b"))
    assert len(told) == 2  # so many at a time, without being asked
    journal.write()
    journal.write()
    journal.log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["request_id"] for line in lines] == [f"r{n}" for n in range(2 * TOGETHER + 5)]
    heard = [read_by_keeper(line) for line in b"".join(told).splitlines()]
    assert {type(one) for one in heard} == {Done}
    assert len(heard) == sum(n % 7 != 0 for n in range(2 * TOGETHER + 5))
    first = heard[0]
    assert isinstance(first, Done)
    assert (first.seconds, first.ttft, first.bytes_out, first.key) == (0.25, 0.125, 20, "anna")
    assert lines[1] == {
        "at": 1.5, "method": "POST", "path": "/v1/x", "model": "m", "backend": "b",
        "status": 200, "seconds": 0.25, "ttft": 0.125, "bytes_in": 10, "bytes_out": 20,
        "prompt_tokens": 3, "completion_tokens": None, "key": "anna", "request_id": "r1",
    }  # fmt: skip


def test_a_log_is_opened_anew_where_it_was(tmp_path: Path) -> None:
    log, path = AccessLog(), tmp_path / "log"
    log.open(str(path))
    log.append(b"one\n")
    log.close()
    path.rename(tmp_path / "old")
    log.open(str(path))
    log.append(b"two\n")
    log.open("")
    log.append(b"to nobody\n")
    assert not log.is_on
    assert (tmp_path / "old").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"


def test_a_reader_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog()
    log.open(str(tmp_path / "log"))
    lines = b"x" * 99 + b"\n"
    for _ in range(10_000):  # far more than the pipe holds: this returns at once all the same
        log.append(lines)
    os.set_blocking(reader, True)
    got = 0
    while got < 10_000 * len(lines):
        got += len(os.read(reader, 1 << 20))
    log.close()
    os.close(reader)
