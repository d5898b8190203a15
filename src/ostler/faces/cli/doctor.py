"""`ostler doctor`: look at everything an installation stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ostler.core import checkup
from ostler.core.checkup import Finding
from ostler.errors import Unwell
from ostler.faces.cli import checks, options, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings

LOOKS = {"ok": "green", "info": "blue", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@click.argument("model", required=False)
@click.option("--project", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Also look whether git tracks weights there.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Show what is well, too.")
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, project: Path | None, everything: bool, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Look at rights, secrets, disk, store, engines, ports, server, drift, licences, prices, hub.

    Each finding is ok, info, warn or fail, with what mends it. With MODEL: whether you may fetch
    it. Nothing is changed, and no model's bytes are read: that is `ostler verify`. The exit code
    is 1 where something fails.

    \b
    ostler doctor
    ostler doctor --project .
    ostler doctor meta-llama/Llama-3.1-8B-Instruct --json
    """
    settings = replace(settings, offline=offline)
    with waiting("Looking at everything"):
        found = checks.run(checks.everything(settings, project, model))
    if as_json:
        show.as_json({"state": checkup.worst(found), "findings": found})
    else:
        _show(found, everything)
    if checkup.worst(found) == "fail":
        raise SystemExit(Unwell.exit_code)


def _show(found: list[Finding], everything: bool) -> None:
    order = sorted(found, key=lambda one: -checkup.ORDER.index(one.state))
    for one in order if everything else [one for one in order if one.state != "ok"]:
        show.line(f"{show.style(f'{one.state:4}', fg=LOOKS[one.state])}  {one.check}: {one.what}")
        if one.fix:
            show.line(f"      {one.fix}")
    count = {state: sum(one.state == state for one in found) for state in checkup.ORDER}
    well = f"{count['ok']} well" + ("" if everything or not count["ok"] else " (--all shows them)")
    show.line(
        f"{count['fail']} failed, {count['warn']} to look at, {count['info']} to know, {well}."
    )
