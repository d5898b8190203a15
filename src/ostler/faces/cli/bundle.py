"""`ostler bundle`: models as one file, for machines without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

import click

from ostler import wiring
from ostler.core.policy import policy
from ostler.core.refs import parse
from ostler.core.sizes import file_size
from ostler.errors import FileNotInRepo, UsageError
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.archive import show_plan
from ostler.settings import Settings


@click.group("bundle")
def command() -> None:
    """Write models into one file, or take them in from one.

    The file is a tar stream in OCI image layout: manifests with hashes, then the contents.

    \b
    ostler bundle create Qwen/Qwen2.5-0.5B-Instruct model.tar
    ssh inner ostler bundle import - < model.tar
    """


@command.command("create")
@click.argument("models", nargs=-1, required=True)
@click.argument("target")
@options.dry_run
@options.as_json
@click.pass_obj
def create(
    settings: Settings, models: tuple[str, ...], target: str, dry_run: bool, as_json: bool
) -> None:
    """Write MODELS into the file TARGET, or to standard output where it is -.

    \b
    ostler bundle create Qwen/Qwen2.5-0.5B-Instruct model.tar
    ostler bundle create Qwen/Qwen2.5-0.5B-Instruct - | ssh inner ostler bundle import -
    """
    from ostler.verbs import bundle

    store = wiring.store(settings)
    head = bundle.plan([store.find(parse(model)) for model in models])
    if dry_run:
        _say(as_json, {"dry_run": True, "bytes": head.size}, f"{file_size(head.size)} of files.")
        return
    if target == "-":
        if sys.stdout.isatty():
            raise UsageError("A bundle is not for a terminal.", hint="Name a file, or add a pipe.")
        bundle.carry_out(head, store, sys.stdout.buffer)
        return
    place = Path(target)
    draft = place.with_name(f".{place.name}.{os.getpid()}.part")
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    try:
        with (
            open(draft, "xb") as out,
            progress.shown("bars" if how == "bars" else "none", f"Writing {target}") as report,
        ):
            size = bundle.carry_out(head, store, out, report)
            os.fsync(out.fileno())
        draft.replace(place)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    _say(as_json, {"file": target, "bytes": size}, f"Wrote {target}, {file_size(size)}.")


@command.command("import")
@click.argument("file")
@options.dry_run
@options.as_json
@click.pass_obj
def import_(settings: Settings, file: str, dry_run: bool, as_json: bool) -> None:
    """Take in the models of FILE, or of standard input where it is -. Every byte is proven.

    No network is used. Contents that are here are not written again.

    \b
    ostler bundle import model.tar
    ostler bundle import - < model.tar
    """
    if file == "-":
        _take_in(settings, sys.stdin.buffer, dry_run, as_json)
        return
    try:
        stream = open(file, "rb")  # noqa: SIM115 closed below; the error is of opening alone
    except OSError as error:
        raise FileNotInRepo(f"{file} cannot be read: {error.strerror}.") from error
    with stream:
        _take_in(settings, stream, dry_run, as_json)


def _take_in(settings: Settings, stream: BinaryIO, dry_run: bool, as_json: bool) -> None:
    from ostler.verbs.inspect import check_header
    from ostler.verbs.unbundle import Incoming

    store = wiring.store(settings)
    incoming = Incoming(stream)
    rules = policy(settings.pickle, settings.allow)
    for model in incoming.models:
        for warning in rules.require(model.name, "bundle", [f.path for f in model.files]):
            show.note(warning)
    plan = incoming.plan(store)
    show_plan(plan, "import", dry_run, as_json)
    if dry_run:
        return
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown("bars" if how == "bars" else "none", "Importing") as report:
        kept = incoming.carry_out(plan, store, check=check_header, report=report)
    journal.did_to(settings, "bundle import", kept)
    names = [{"name": one.name, "commit": one.commit} for one in kept]
    _say(as_json, {"imported": names}, f"Kept {', '.join(one.name for one in kept)}: verified.")


def _say(as_json: bool, value: dict[str, object], text: str) -> None:
    if as_json:
        show.as_json(value)
    else:
        show.note(text)
