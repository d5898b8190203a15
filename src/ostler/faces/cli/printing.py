"""`ostler run MODEL --print`: the one command that would run, for somebody else to run."""

from __future__ import annotations

from dataclasses import replace

import click

from ostler import wiring
from ostler.faces.cli.containing import Wish, contained, usual
from ostler.nouns import LaunchSpec
from ostler.settings import Settings

WAYS = ("auto", "shell", "docker", "podman")
PORT = 8000
HOST = "127.0.0.1"
# Engines that come as a container only; the others start from a shell as well.
CONTAINERS_ONLY = ("triton",)


def show(settings: Settings, wish: Wish, way: str, gpus: tuple[str, ...], port: int) -> None:
    """Print the command; nothing is started, fetched or asked of this machine."""
    from ostler.core.containers import name_of
    from ostler.exporters import commands

    engine = wish.engine or usual(settings, wish.model)
    if way == "auto":
        way = "podman" if engine in CONTAINERS_ONLY else "shell"
    if way == "shell":
        spec = _process(settings, wish, engine, gpus, port)
        click.echo(commands.shell(spec))
        return
    _, one = contained(settings, wish, gpus, port, port)
    write = {"docker": commands.docker, "podman": commands.podman}[way]
    click.echo(write(one, name_of(wish.model, gpus)))


def _process(
    settings: Settings, wish: Wish, engine: str, gpus: tuple[str, ...], port: int
) -> LaunchSpec:
    """The process as the installed engine would be started, else as its makers' image starts it."""
    from ostler.core import images
    from ostler.verbs.describe import describe

    found = wiring.installed(settings, engine) or images.inside(
        engine, wish.version or images.UNKNOWN
    )
    load = replace(wish.workload, tensor_parallel=max(1, len(gpus)))
    named, store = wiring.named(settings, wish.model), wiring.store(settings)
    spec = describe(named, store, wiring.engine(settings, engine), found, load, HOST, port)
    return replace(spec, devices=tuple(f"nvidia:{gpu}" for gpu in gpus))
