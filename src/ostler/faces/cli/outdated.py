"""`ostler outdated`: kept models that moved on upstream."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.faces.cli import options, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings


@click.command("outdated")
@click.argument("model", required=False)
@options.endpoint
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str | None, endpoint: str | None, as_json: bool) -> None:
    """List kept models whose branch leads to another commit on the hub by now.

    \b
    ostler outdated
    ostler outdated Qwen/Qwen2.5-0.5B-Instruct --json
    """
    from ostler.verbs.outdated import standings

    store = wiring.store(settings)
    models = store.matching(parse(model)) if model else store.manifests()
    made = [one for one in models if one.derived_from]
    with waiting("Asking the hubs"):
        found = standings(models, lambda one: wiring.source_of(settings, one, endpoint))
    if as_json:
        show.as_json([{**show.plain(one), "outdated": one.outdated} for one in found])
        return
    moved = [one for one in found if one.outdated]
    if moved:
        rows = [(o.name, o.revision, o.kept[:12], (o.upstream or "")[:12]) for o in moved]
        show.table(("MODEL", "REVISION", "KEPT", "UPSTREAM"), rows, spare=("REVISION",))
        show.line(f"`ostler pull {moved[0].name}` fetches what changed.")
    for one in found:
        if one.outdated is None:
            show.line(f"{one.name}@{one.revision}: unknown. {one.because}")
    for manifest in made:
        show.line(f"{manifest.name}: made here from {manifest.derived_from}; nothing is upstream.")
    if not moved and all(one.outdated is False for one in found) and (found or not made):
        show.line(f"All {len(found)} are as they are upstream." if found else "No models yet.")
