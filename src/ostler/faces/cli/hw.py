"""`ostler hw`: this machine's devices and memory."""

from __future__ import annotations

import click

from ostler.core.sizes import counted, memory
from ostler.faces.cli import options, show


@click.command("hw")
@options.as_json
def command(as_json: bool) -> None:
    """Show the devices a model can be put on, and their memory.

    \b
    ostler hw
    ostler hw --json
    """
    from ostler.probe import probe

    found = probe()
    if as_json:
        show.as_json(found)
        return
    show.line(f"{found.system} {found.machine}, {found.cpu}, {counted(found.cores, 'core')}")
    show.table(
        ("DEVICE", "NAME", "MEMORY", "FREE", "DRIVER"),
        [
            (one.id, one.name, memory(one.total_bytes), memory(one.free_bytes), one.driver or "")
            for one in found.devices
        ],
        right=(2, 3),
        spare=("DRIVER",),
    )
    for text in found.notes:
        show.line(text)
