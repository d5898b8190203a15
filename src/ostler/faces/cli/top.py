"""`ostler top`: what the server does, again and again, until you have seen enough."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ostler.core.sizes import duration, memory
from ostler.faces.cli import options, server, show
from ostler.settings import Settings

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from ostler.faces.server.address import Found

BAR = 30  # columns of a full bar
WIDE = 240  # columns
LOOKS = {"ready": "green", "failed": "red", "stopping": "dim", "draining": "yellow"}


@dataclass(frozen=True, slots=True)
class Look:
    """The fleet at one moment, seconds of a clock that only goes on."""

    at: float
    fleet: Mapping[str, Any]

    def per_second(self, before: Look | None, model: str) -> float | None:
        """Return requests a second since the look before; None without one."""
        if before is None or self.at <= before.at:
            return None
        counts = [_requests(look.fleet, model) for look in (before, self)]
        return max(0, counts[1] - counts[0]) / (self.at - before.at)


@click.command("top")
@click.option("--every", type=options.Number(0.2), default=1.0, show_default=True,
              metavar="N", help="Seconds between two looks.")  # fmt: skip
@options.as_json
@click.pass_obj
def command(settings: Settings, every: float, as_json: bool) -> None:
    """Show devices, models, requests a second and downloads, live. q or Ctrl-C ends it.

    Without a terminal it looks once. With --json it prints one line for each look.

    \b
    ostler top
    ostler top --every 5
    """
    found = server.needed(settings)
    if as_json:
        _lines(found, every)
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:  # what is piped is never cut
        wide = Console(highlight=False, width=max(WIDE, console.width))
        wide.print(_frame(_look(found), None, found.address))
        return
    _live(console, found, every)


def _look(found: Found) -> Look:
    fleet = server.ask(found, "GET", "/api/fleet")
    fleet["downloads"] = [one for one in server.ask(found, "GET", "/api/pulls")
                          if one["status"] in ("requested", "downloading")]  # fmt: skip
    return Look(time.monotonic(), fleet)


def _lines(found: Found, every: float) -> None:
    while True:
        show.event(_look(found).fleet)
        if not sys.stdout.isatty():
            return
        time.sleep(every)


def _live(console: Any, found: Found, every: float) -> None:
    from rich.live import Live

    before: Look | None = None
    with Keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            now = _look(found)
            live.update(_frame(now, before, found.address), refresh=True)
            before = now
            if keys.pressed("q", every):
                return


def _frame(now: Look, before: Look | None, address: str) -> Group:
    from rich.console import Group
    from rich.text import Text

    fleet = now.fleet
    head = Text(f"Ostler at {address}/v1, up {duration(fleet['seconds'])}", style="bold")
    parts: list[Any] = [head, Text(), _devices(fleet), Text(), _models(now, before)]
    if fleet["downloads"]:
        parts += [Text(), _downloads(fleet)]
    if fleet["waiting"]:
        parts.append(Text(f"Waiting for room: {', '.join(fleet['waiting'])}", style="yellow"))
    parts += [Text(one, style="yellow") for one in fleet["warnings"]]
    return Group(*parts)


def _devices(fleet: Mapping[str, Any]) -> Table:
    from rich.text import Text

    rows = _table("DEVICE", "MEMORY OF MODELS", "", right=())
    for one in fleet["devices"]:
        held, room = one["held_bytes"], one["room_bytes"]
        full = round(BAR * min(1.0, held / room)) if room else 0
        bar = Text("█" * full, style="cyan") + Text("░" * (BAR - full), style="dim")
        said = f"{memory(held)} of {memory(room)}"
        rows.add_row(f"{one['id']} {one['name']}", bar, said)
    return rows


def _models(now: Look, before: Look | None) -> Table:
    from rich.text import Text

    rows = _table(
        "MODEL", "STATE", "ON", "MEMORY", "REQUESTS", "A SECOND", "SINCE", right=(3, 4, 5, 6)
    )
    for one in now.fleet["models"]:
        rate = now.per_second(before, one["id"])
        marks = "".join(f", {mark}" for mark in ("busy", "pinned") if one[mark])
        rows.add_row(
            one["id"],
            Text(one["state"] + marks, style=LOOKS.get(one["state"], "yellow")),
            one["device"] or "",
            memory(one["memory_bytes"]) if one["memory_bytes"] else "",
            str(one["requests"]),
            "" if rate is None else f"{rate:.1f}",
            duration(one["seconds"]),
        )
        if one["why"]:
            rows.add_row(Text(f"  {one['why']}", style="dim"))
    if not now.fleet["models"]:
        rows.add_row(
            Text("Nothing is loaded. The first request for a model loads it.", style="dim")
        )
    return rows


def _downloads(fleet: Mapping[str, Any]) -> Table:
    rows = _table("DOWNLOAD", "DONE", "A SECOND", "LEFT", right=(1, 2, 3))
    for one in fleet["downloads"]:
        total = one["total_bytes"]
        done = f"{100 * (one['done_bytes'] or 0) / total:.0f} %" if total else one["status"]
        rate = memory(int(one["bytes_per_second"])) if one["bytes_per_second"] else ""
        left = duration(one["seconds_left"]) if one["seconds_left"] is not None else ""
        rows.add_row(one["model"], done, rate, left)
    return rows


def _table(*titles: str, right: tuple[int, ...]) -> Table:
    from rich.table import Table

    rows = Table(box=None, pad_edge=False, header_style="dim")
    for number, title in enumerate(titles):
        rows.add_column(title, justify="right" if number in right else "left", no_wrap=number > 0)
    return rows


def _requests(fleet: Mapping[str, Any], model: str) -> int:
    return sum(int(one["requests"]) for one in fleet["models"] if one["id"] == model)


class Keys:
    """The terminal's keys, one by one, without Enter; as it was when this ends."""

    def __enter__(self) -> Keys:
        import termios
        import tty

        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd) if sys.stdin.isatty() else None
        if self._before is not None:
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        if self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def pressed(self, key: str, seconds: float) -> bool:
        """Wait so long for a key; say whether it was this one."""
        import select

        if self._before is None:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return bool(ready) and sys.stdin.read(1) == key
