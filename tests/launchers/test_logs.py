"""Logs of engines: bounded, private, the older parts kept, followed through a turn."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.verbs import disks

from ostler.errors import EngineFailed
from ostler.launchers import logs
from ostler.launchers.logs import Log
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import LaunchSpec
from ostler.testing.launchers import MODEL
from ostler.verbs.start import size_of, tail

CHATTY = """
import os, sys
n = 0
log = sys.argv[1]
while not os.path.exists(log + ".2") or os.path.getsize(log) > 32 << 10:
    n += 1
    print(f"{n:09}", flush=True)
print("the last word")
"""
LINE = 10  # bytes


def parts(path: Path) -> list[Path]:
    return [Path(f"{path}.{n}") for n in range(logs.KEPT, 0, -1) if Path(f"{path}.{n}").exists()]


def test_a_log_that_we_write_turns_and_loses_nothing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), limit=100)
    for n in range(30):
        log.write(f"{n:09}\n".encode())
    log.close()
    kept = [*parts(tmp_path / "log"), tmp_path / "log"]
    assert all(part.stat().st_mode & 0o777 == 0o600 for part in kept)
    assert all(part.stat().st_size <= 100 + LINE for part in kept)
    assert [int(line) for part in kept for line in part.read_text().split()] == list(range(30))


def test_older_parts_than_those_kept_are_dropped(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), limit=20)
    for n in range(40):
        log.write(f"{n:09}\n".encode())
    log.close()
    assert len(list(tmp_path.iterdir())) == 1 + logs.KEPT
    assert int((tmp_path / "log").read_text().split()[-1]) == 39


def test_a_process_that_talks_too_much_is_kept_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds its log open and never hears of the turn; what it says last is in the log."""
    monkeypatch.setattr(logs, "LIMIT", 64 << 10)
    monkeypatch.setattr(logs, "LOOK_EVERY", 0.005)
    path = tmp_path / "log"
    argv = (sys.executable, "-I", "-S", "-c", CHATTY, str(path))
    spec = LaunchSpec("chatty", argv, MODEL, "127.0.0.1", 21991)

    async def story() -> int:
        return await (await ProcessLauncher().start(spec, str(path))).wait()

    assert asyncio.run(story()) == 0
    assert path.read_text().splitlines()[-1] == "the last word"
    assert len(parts(path)) == logs.KEPT
    for part in parts(path):
        assert part.stat().st_size > logs.LIMIT
        assert part.stat().st_mode & 0o777 == 0o600
    said = [int(line) for line in parts(path)[1].read_text().split() if line.isdecimal()]
    assert said == sorted(said)


def test_a_long_log_is_put_aside_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LIMIT", 100)
    path = tmp_path / "log"
    path.write_text("x" * 200 + "\n")
    mark = size_of(str(path))
    os.close(logs.opened(str(path), ("engine", "--flag")))
    with path.open("a") as log:
        log.write("why it died\n")
    assert Path(f"{path}.1").stat().st_size == 201
    assert tail(str(path), mark) == ["why it died"], "a mark beyond the end means the whole log"


def test_what_an_earlier_start_said_is_no_cause_of_a_later_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for said in ("CUDA out of memory\n", "=== no header of ours\n"):
        os.close(logs.opened(str(path), ("engine",)))
        with path.open("a") as log:
            log.write(said)
    assert tail(str(path), 0) == ["=== no header of ours"]


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    with disks.small(tmp_path / "disk", 64 << 10) as disk:
        path = str(disk / "log")
        ours = Log(str(disk / "ours"))
        (disk / "ballast").write_bytes(bytes((64 << 10) - os.statvfs(disk).f_bsize * 2))
        with pytest.raises(OSError, match="No space"):
            (disk / "more").write_bytes(bytes(64 << 10))
        os.close(logs.opened(path, ("engine",) * 2000))
        logs.say(path, "nobody hears this")
        ours.write(b"x" * (64 << 10))
        ours.close()
        logs.cut(path)
        assert os.stat(path).st_size == 0, "what is too long gives its room back"


def test_a_log_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    with pytest.raises(EngineFailed, match=r"log cannot be opened: (Not a|File)") as refused:
        logs.opened(str(tmp_path / "logs" / "log"), ("engine",))
    assert "doctor" in refused.value.hint
