"""`ostler licences`: what each kept model's licence allows; accept one on record."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.faces.cli import options, show, terms
from ostler.settings import Settings
from ostler.verbs import accepting, licensing
from ostler.verbs.licensing import Ruling

TITLES = (
    "MODEL", "LICENCE", "COMMERCIAL", "POLICY", "BASES", "SOURCE", "ACCEPTED", "NOTE", "CONDITIONS",
)  # fmt: skip


@click.group("licences", invoke_without_command=True)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table",
    show_default=True,
)  # fmt: skip
@click.option("--ask", is_flag=True, help="Ask the hub for bases that nobody here knows.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, form: str, ask: bool, as_json: bool) -> None:
    """Report the licence of every kept model, those of its bases, and what the policy says.

    The policy is a use, OSTLER_LICENCE_USE=private, research or commercial, and the file
    licences.yaml of your home: `use`, `rules` (allowed, restricted, not-allowed, unknown: allow,
    warn or block), and the lists `allow`, `warn`, `block` of single licences. It is enforced at
    pull, run and serve. Not legal advice.

    \b
    ostler licences
    ostler licences --format csv
    ostler licences accept CohereLabs/c4ai-command-r7b-12-2024
    """
    if ctx.invoked_subcommand:
        return
    settings: Settings = ctx.obj
    known = terms.registrar(settings, wiring.source(settings) if ask else None)
    found = licensing.report(known)
    for manifest, ruling, _ in found:
        known.remember(ruling.terms, manifest.commit)
    if as_json or form == "json":
        show.as_json(
            [
                {
                    "model": manifest.name,
                    "commit": manifest.commit,
                    **licensing.as_dict(ruling),
                    "source_file": accepting.source_of(manifest) or None,
                    "note": note,
                }
                for manifest, ruling, note in found
            ]
        )
        return
    rows = [
        (manifest.name, *_row(ruling), accepting.source_of(manifest), _accepted(ruling), note,
         ruling.terms.licence.conditions)
        for manifest, ruling, note in found
    ]  # fmt: skip
    if form == "csv":
        show.as_csv([title.lower() for title in TITLES], rows)
        return
    if not rows:
        show.line("No models yet.")
    show.table(TITLES, rows, spare=("SOURCE", "BASES"))
    show.line(f"Policy: {known.policy.use} use, from {known.policy.origin}.")


def _row(ruling: Ruling) -> tuple[str, str, str, str]:
    held = ruling.terms
    bases = ", ".join(f"{name} ({one.name})" for name, one in held.bases)
    return held.stated or "unknown", held.commercial, ruling.verdict.decision, bases


def _accepted(ruling: Ruling) -> str:
    one = ruling.accepted
    return f"{one.by}, {one.at}, {one.use} use" if one else ""


@command.command("accept")
@click.argument("model")
@options.dry_run
@options.as_json
@click.pass_obj
def accept(settings: Settings, model: str, dry_run: bool, as_json: bool) -> None:
    """Accept the licence of a kept MODEL: who, when, for which use, and a copy of its text.

    The record outlives the model. It lifts a block of the policy for this commit of the model.

    \b
    ostler licences accept Qwen/Qwen2.5-3B-Instruct
    """
    manifest = wiring.store(settings).find(parse(model))
    ruling = terms.registrar(settings).ruling(manifest)
    made = ruling.accepted if dry_run else terms.accept(settings, ruling, manifest)
    if as_json:
        show.as_json({**licensing.as_dict(ruling), "accepted": made, "dry_run": dry_run})
        return
    stated = ruling.terms.stated or "unknown"
    show.line(f"{manifest.name}: {stated}. Commercial use {ruling.terms.commercial}.")
    if made is None or dry_run:
        show.line("Nothing was written down.")
        return
    texts = ", ".join(path for path, _ in made.texts) or "no text lay with it"
    show.line(f"Accepted by {made.by} at {made.at} for {made.use} use; kept: {texts}.")
