"""`ostler hub`: let other machines fetch models from this one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import click

from ostler import wiring
from ostler.errors import UsageError
from ostler.faces.cli import show
from ostler.settings import Settings

WORTH_A_WORD = 1.0  # seconds


@click.group("hub")
def command() -> None:
    """Let other machines fetch models from this one, with any Hugging Face client."""


@command.command("serve")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--store", "kept", is_flag=True, help="Serve the models that are kept here.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", default=8078, show_default=True)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Tokens that clients may send, one a line. Also: OSTLER_HUB_TOKEN.",
)
@click.option("--anyone", is_flag=True, help="Let anyone who can reach the address read.")
@click.pass_obj
def serve(
    settings: Settings, folder: Path | None, kept: bool, host: str, port: int,
    token_file: Path | None, anyone: bool,
) -> None:  # fmt: skip
    """Serve FOLDER (laid out org/name/files), or what is kept here, as a hub.

    Any Hugging Face client downloads from it, with HF_ENDPOINT set to its address.

    \b
    ostler hub serve --store
    ostler hub serve ./models --port 9100
    HF_ENDPOINT=http://127.0.0.1:8078 ostler pull org/name
    """
    if (folder is None) is not kept:
        raise UsageError("Name a folder, or --store for the models kept here; one of the two.")
    from ostler.faces.hub.folders import FolderRepos
    from ostler.faces.hub.kept import KeptRepos
    from ostler.faces.hub.repos import Repos
    from ostler.faces.hub.serve import serve as run

    repos: Repos = KeptRepos(wiring.store(settings))
    if folder:
        repos = remembering = FolderRepos(folder, settings.home / "hub-hashes.json")
        remembering.prepare(_progress())
    run(repos, host, port, tokens=_tokens(token_file), anyone=anyone, ready=_greet)


def _progress() -> Callable[[str], None]:
    """Say what is hashed, once that takes long enough for somebody to wonder."""
    began = time.monotonic()

    def begun(name: str) -> None:
        if time.monotonic() - began > WORTH_A_WORD:
            show.note(f"Hashing {name}; it is remembered for the next time.")

    return begun


def _tokens(file: Path | None) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file else []
    lines.append(os.environ.get("OSTLER_HUB_TOKEN", ""))
    return [line.strip() for line in lines if line.strip()]


def _greet(address: str) -> None:
    show.line(f"Hub at {address}")
    show.line(f"  from another program   HF_ENDPOINT={address} ostler pull org/name")
    show.line("  end                    Ctrl-C")
