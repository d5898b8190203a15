"""Engines' logs: the last lines, and what comes after, in files that grow and begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostler.errors import UnknownModel
from ostler.faces.server import logs as module
from ostler.faces.server.logs import LONGEST, PIECE, Logs
from ostler.settings import Settings


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    (tmp_path / "logs").mkdir()
    return Logs(Settings(home=tmp_path))


def test_one_that_was_never_started_is_said_to_have_none(logs: Logs, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="never been started"):
        logs.path("../../etc/passwd", 1)
    (tmp_path / "logs/org--a#q4~2.log".replace("#", "--")).write_text("x\n")
    assert logs.path("org/a#q4", 2).name == "org--a--q4~2.log"


def test_the_last_lines_of_a_log_of_any_size(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\r\ntwo\nthree")
    assert logs.last(path, 2) == (["two", "three"], 14)
    assert logs.last(path, 9) == (["one", "two", "three"], 14)
    path.write_bytes(b"\xff\n" * (PIECE + 7) + b"y" * (LONGEST + 5) + b"\nend\n")
    found, end = logs.last(path, 3)
    assert found == ["�", "y" * LONGEST, "end"]
    assert end == path.stat().st_size
    path.write_bytes(b"")
    assert logs.last(path, 5) == ([], 0)


def test_what_is_added_is_told_in_whole_lines(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n")
    said: list[tuple[str, list[str], int]] = []

    async def follow() -> None:
        stream = logs.follow(path, 4)
        add(path, "half")
        add(path, " a line\nand another\nunfin")
        said.append(await following(stream))
        add(path, "ished\n")
        said.append(await following(stream))
        path.write_text("new\n")
        said.append(await following(stream))
        said.append(await following(stream))
        logs.close()
        with pytest.raises(StopAsyncIteration):
            await following(stream)

    asyncio.run(follow())
    assert [(kind, lines) for kind, lines, _ in said] == [
        ("more", ["half a line", "and another"]),
        ("more", ["unfinished"]),
        ("anew", []),
        ("more", ["new"]),
    ]
    assert [end for _, _, end in said] == [28, 39, 0, 4]


def test_a_log_that_is_removed_is_waited_for(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    path = tmp_path / "a.log"
    path.write_text("old\n")

    async def follow() -> list[str]:
        stream = logs.follow(path, 4)
        path.unlink()
        assert (await following(stream))[0] == "anew"
        asyncio.get_running_loop().call_later(0.05, path.write_text, "again\n")
        return (await following(stream))[1]

    assert asyncio.run(follow()) == ["again"]


async def following(
    stream: AsyncIterator[tuple[str, list[str], int]],
) -> tuple[str, list[str], int]:
    return await asyncio.wait_for(anext(stream), 10)


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
