"""`ostler verify`: read kept files again and compare their hashes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ostler import wiring
from ostler.core.copying import Difference
from ostler.core.refs import parse
from ostler.core.sizes import counted, file_size
from ostler.errors import DamagedModel
from ostler.faces.cli import against, mend, options, progress, show
from ostler.nouns import Damage, Manifest
from ostler.settings import Settings


@click.command("verify")
@click.argument("model", required=False)
@click.option("--repair", is_flag=True, help="Fetch what is damaged again: its blocks alone.")
@click.option("--against", "copy", metavar="DIR", help="Hold the copy in DIR against the store.")
@click.option("--hub", is_flag=True, help="Also hold the files against what their source lists.")
@options.endpoint
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, repair: bool, copy: str | None, hub: bool,
    endpoint: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Read every kept byte of MODEL again, or of all models. Exit code 1 if any is wrong.

    With --repair the damaged blocks of 8 MiB are fetched again, proven and written in their
    place; the rest of the file is neither fetched nor written.

    \b
    ostler verify
    ostler verify Qwen/Qwen2.5-0.5B-Instruct-GGUF --json
    ostler verify Qwen/Qwen2.5-0.5B-Instruct-GGUF --repair
    ostler verify Qwen/Qwen2.5-0.5B-Instruct-GGUF --hub
    ostler verify --against /mnt/backup
    """

    store = wiring.store(settings)
    manifests = store.matching(parse(model)) if model else store.manifests()
    if copy:
        against.verify_against(manifests, copy, as_json)
        return
    results: list[tuple[Manifest, tuple[Damage, ...]]] = []
    for manifest in manifests:
        how = "none" if as_json else progress.kind(as_json=False, quiet=False)
        bars = "bars" if how == "bars" else "none"
        damages = mend.verified(store, manifest, bars)
        if not as_json:
            _show(manifest, damages)
        if repair and not _clean(damages):
            source = wiring.source_of(settings, manifest, endpoint)
            damages = mend.mended(store, manifest, damages, source, "json" if as_json else how)
        results.append((manifest, damages))
    apart = against.verify_upstream(
        manifests if hub else (), lambda one: wiring.source_of(settings, one, endpoint),
        as_json or not hub,
    )  # fmt: skip
    if as_json:
        show.as_json([_entry(*result, apart if hub else None) for result in results])
    elif not manifests:
        show.line("No models yet; nothing to verify.")
    wrong = {one.model.partition("@")[0] for one in apart if one.kind != "not pulled"}
    damaged = [m.name for m, damages in results if not _clean(damages) or m.name in wrong]
    if damaged and as_json:
        raise SystemExit(DamagedModel.exit_code)
    if damaged:
        raise DamagedModel(
            f"Damaged, of {counted(len(results), 'model')}: {', '.join(damaged)}.",
            hint=f"ostler verify {damaged[0]} --repair fetches the damaged blocks again.",
        )


def _clean(damages: tuple[Damage, ...]) -> bool:
    """Files that nobody pulled, and that the hub may not even have, are no damage."""
    return all(one.kind == "incomplete" for one in damages)


def _show(manifest: Manifest, damages: tuple[Damage, ...]) -> None:
    state = "clean" if _clean(damages) else show.style("damaged", fg="red")
    files = f"{counted(len(manifest.files), 'file')}, {file_size(manifest.size)}"
    show.line(f"{manifest.name} at {manifest.commit[:12]}: {state} ({files})")
    for one in damages:
        where = f", first wrong in the 8 MiB from byte {one.at}" if one.at is not None else ""
        show.line(f"  {one.path}: {one.kind}; expected {one.expected}, got {one.got}{where}")


def _entry(
    manifest: Manifest, damages: tuple[Damage, ...], apart: Sequence[Difference] | None
) -> dict[str, object]:
    model = f"{manifest.name}@{manifest.commit[:12]}"
    upstream = {} if apart is None else {"upstream": [one for one in apart if one.model == model]}
    return {
        "name": manifest.name,
        "commit": manifest.commit,
        "files": len(manifest.files),
        "bytes": manifest.size,
        "clean": _clean(damages),
        "damages": damages,
        **upstream,
    }
