"""`ostler hub`: let other machines fetch models from this one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ostler import wiring
from ostler.core.policy import policy
from ostler.core.reasons import why
from ostler.errors import UsageError
from ostler.faces.cli import show
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.faces.hub.desk import Outside
    from ostler.faces.hub.kept import KeptRepos
    from ostler.faces.hub.repos import Repos

WORTH_A_WORD = 1.0  # seconds
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("hub")
def command() -> None:
    """Let other machines fetch models from this one, with any Hugging Face client.

    \b
    ostler hub serve --store
    """


@command.command("serve")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--store", "kept", is_flag=True, help="Serve the models that are kept here.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", default=8078, show_default=True)
@click.option(
    "--token-file",
    type=FILE,
    metavar="FILE",
    help="Tokens of those who may read, one a line. Also: OSTLER_HUB_TOKEN.",
)
@click.option("--anyone", is_flag=True, help="Let anyone who can reach the address read.")
@click.option("--upstream", metavar="URL", help="With --store: fetch what is asked for from there.")
@click.option(
    "--operators",
    type=FILE,
    metavar="FILE",
    help="Tokens of those for whom it fetches, one a line. Also: OSTLER_HUB_OPERATOR.",
)
@click.pass_obj
def serve(
    settings: Settings, folder: Path | None, kept: bool, host: str, port: int,
    token_file: Path | None, anyone: bool, upstream: str | None, operators: Path | None,
) -> None:  # fmt: skip
    """Serve FOLDER (laid out org/name/files), or what is kept here, as a hub.

    Any Hugging Face client downloads from it with HF_ENDPOINT set to its address, git (with
    git LFS) from the address of a repository, ModelScope's with MODELSCOPE_ENDPOINT. With
    --upstream it keeps what operators ask for: one download from outside, however many ask.

    \b
    ostler hub serve --store
    ostler hub serve ./models --port 9100
    ostler hub serve --store --upstream https://huggingface.co --operators operators.txt
    HF_ENDPOINT=http://127.0.0.1:8078 ostler pull org/name
    """
    if (folder is None) is not kept:
        raise UsageError("Name a folder, or --store for the models kept here; one of the two.")
    if upstream and folder:
        raise UsageError("--upstream fetches into the store.", hint="Give --store with it.")
    if upstream and not upstream.startswith(("http://", "https://")):
        raise UsageError(
            f"--upstream must be the address of a hub, not {upstream!r}.",
            hint="For example --upstream https://huggingface.co",
        )
    from ostler.faces.hub.kept import KeptRepos
    from ostler.faces.hub.serve import serve as run

    own = KeptRepos(wiring.store(settings))
    repos: Repos = _folder(settings, folder) if folder else own
    with _mirror(settings, own, upstream) as outside:
        run(
            repos, host, port, tokens=_tokens(token_file, "OSTLER_HUB_TOKEN"), anyone=anyone,
            operators=_tokens(operators, "OSTLER_HUB_OPERATOR"), outside=outside, ready=_greet,
        )  # fmt: skip


def _folder(settings: Settings, folder: Path) -> Repos:
    from ostler.faces.hub.folders import FolderRepos

    remembering = FolderRepos(folder, settings.home / "hub-hashes.json")
    remembering.prepare(_progress())
    return remembering


@contextmanager
def _mirror(settings: Settings, kept: KeptRepos, upstream: str | None) -> Iterator[Outside | None]:
    """Give the hub outside, and end its downloads afterwards; they go on the next time."""
    if upstream is None:
        yield None
        return
    from ostler.faces.hub.mirror import Mirror
    from ostler.verbs.arrivals import Arrivals
    from ostler.verbs.permit import Permitted

    address = upstream.rstrip("/")
    rules = policy(settings.pickle, settings.allow)
    source = Permitted(wiring.source(settings, address), rules, address)
    arrivals = Arrivals(source, wiring.store(settings), address)
    try:
        yield Mirror(kept, source, arrivals)
    finally:
        arrivals.close()


def _progress() -> Callable[[str], None]:
    """Say what is hashed, once that takes long enough for somebody to wonder."""
    began = time.monotonic()

    def begun(name: str) -> None:
        if time.monotonic() - began > WORTH_A_WORD:
            show.note(f"Hashing {name}; it is remembered for the next time.")

    return begun


def _tokens(file: Path | None, variable: str) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {why(error)}.") from error
    lines.append(os.environ.get(variable, ""))
    return [line.strip() for line in lines if line.strip()]


def _greet(address: str) -> None:
    show.line(f"Hub at {address}")
    show.line(f"  from another program   HF_ENDPOINT={address} ostler pull org/name")
    show.line("  end                    Ctrl-C")
