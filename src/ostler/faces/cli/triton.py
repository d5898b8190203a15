"""`ostler triton`: look through a model repository of Triton's."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.core.sizes import counted
from ostler.core.triton.finding import FAIL, Finding
from ostler.errors import BadRepository, UsageError
from ostler.faces.cli import options, show


@click.group("triton")
def command() -> None:
    """Check a model repository that Triton is to serve; `ostler export triton` writes one.

    \b
    ostler triton check ./model_repository
    """


@command.command("check")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--mount", "mounts", multiple=True, metavar="INSIDE=HERE",
              help="Where a path of the server's container is here; may be repeated.")  # fmt: skip
@options.as_json
def check(folder: Path, mounts: tuple[str, ...], as_json: bool) -> None:
    """Say what is wrong with the model repository in DIR, and what to do about it.

    It need not be one of ours. Exit code 48 if a model would not be served; with warnings alone
    it is 0. Nothing is written.

    \b
    ostler triton check ./model_repository
    ostler triton check ./model_repository --mount /opt/app-root/mnt=. --json
    """
    from ostler.verbs.triton_repository import checked

    found = checked(folder, dict(_mount(one) for one in mounts))
    failed = [one for one in found if one.level == FAIL]
    if as_json:
        show.as_json({"folder": folder, "served": not failed, "findings": found})
    else:
        _show(folder, found)
    if failed and as_json:
        raise SystemExit(BadRepository.exit_code)
    if failed:
        raise BadRepository(
            f"Triton would not serve {folder} as it is: {len(failed)} of "
            f"{counted(len(found), 'finding')}.",
            hint="Each finding says what to do.",
        )


def _mount(text: str) -> tuple[str, Path]:
    inside, equals, here = text.partition("=")
    if not (equals and here and inside.startswith("/")):
        raise UsageError(f"--mount {text}: it is no INSIDE=HERE.", hint="--mount /models=./models")
    return inside, Path(here)


def _show(folder: Path, found: tuple[Finding, ...]) -> None:
    if not found:
        show.line(f"{folder}: nothing is wrong with it.")
    for one in found:
        level = show.style(one.level, fg="red" if one.level == FAIL else "yellow", bold=True)
        show.line(f"{level}  {one.path or folder}: {one.what}")
        show.line(f"      {one.do}")
