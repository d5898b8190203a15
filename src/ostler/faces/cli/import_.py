"""`ostler import`: take in what another application keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ostler import wiring
from ostler.core.policy import policy
from ostler.core.refs import parse
from ostler.core.sizes import counted, file_size
from ostler.faces.cli import journal, options, progress, show
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.verbs.adopt import Adoption


@click.command("import")
@click.argument("path")
@click.option(
    "--id", "model", metavar="OWNER/NAME", help="The model's name, where PATH tells none."
)
@click.option("--link", "how", flag_value="link", help="Hard links: no copy, one file system.")
@click.option("--move", "how", flag_value="move", help="Moved: PATH no longer holds the files.")
@click.option("--copy", "how", flag_value="copy", help="Copies, even where extents can be shared.")
@options.endpoint
@options.offline
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, path: str, model: str | None, how: str | None, endpoint: str | None,
    offline: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take in models that lie in PATH, prove them, and keep each content once.

    PATH is a folder with weights (LM Studio's too), a weight file, a Hugging Face cache, an
    Ollama store or a git-lfs clone. It is held against the hub where that can be reached, else
    against the application's own notes. Without a flag the files share their extents with the
    store where the file system can do that, and are copied where not; PATH is not altered.
    After --move an application's store has links in place of its files, and still works.

    \b
    ostler import ~/.cache/huggingface/hub
    ostler import ./Llama-2-7b-hf --id meta-llama/Llama-2-7b-hf --link
    ostler import ./qwen --id ms:Qwen/Qwen2.5-0.5B-Instruct
    ostler import ~/.ollama --dry-run
    """
    from ostler.verbs import adopt
    from ostler.verbs.inspect import check_header

    store = wiring.store(settings)
    ref = parse(model) if model else None
    source = None if offline else wiring.source(settings, endpoint, ref)
    hub = wiring.origin(settings, ref, endpoint) if ref else endpoint or settings.endpoint
    rules = policy(settings.pickle, "")
    found = adopt.plan(Path(path).expanduser().absolute(), ref, source, rules)
    if dry_run or not as_json:
        _show(found, dry_run and as_json)
    if dry_run:
        return
    kept = []
    for one in found:
        bars = "none" if as_json else progress.kind(as_json=False, quiet=False)
        with progress.shown("bars" if bars == "bars" else "none", one.name) as report:
            taken = adopt.carry_out(
                one,
                store,
                how or "clone",
                endpoint=hub,
                check=check_header,
                report=report,
            )
            kept.append(taken)
    journal.did_to(settings, "import", kept, origin=path, how=how or "clone")
    if as_json:
        show.as_json([{"name": m.name, "commit": m.commit, "bytes": m.size} for m in kept])
    for manifest in kept if not as_json else ():
        show.line(f"Kept {manifest.name} at {manifest.commit[:12]}, every byte read and hashed.")


def _show(found: tuple[Adoption, ...], as_json: bool) -> None:
    if as_json:
        show.as_json([_entry(one) for one in found])
        return
    for one in found:
        proof = "held against the hub" if one.listing else one.offer.kind
        show.line(f"{one.name}: {counted(len(one.files), 'file')}, {file_size(one.size)} ({proof})")
        for path in one.left:
            show.line(f"  {path} is left: the hub's repository does not have it")
        for note in one.notes:
            show.note(f"  {note}")


def _entry(one: Adoption) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.offer.kind,
        "commit": one.listing.commit if one.listing else one.offer.commit,
        "bytes": one.size,
        "files": [{"path": c.path, "bytes": c.size, "known_by": c.by} for _, c in one.files],
        "left": one.left,
        "notes": one.notes,
    }
