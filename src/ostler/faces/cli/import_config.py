"""`ostler import-config`: take over the configuration of a system that came before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ostler import wiring
from ostler.core import editing, foreign
from ostler.core.naming import Named, served_names
from ostler.errors import UsageError
from ostler.faces.cli import journal, options, show
from ostler.faces.server import wishes as w
from ostler.settings import Settings
from ostler.verbs import catalogue
from ostler.verbs import editing as files


@click.command("import-config")
@click.argument("kind", type=click.Choice(["soong", "model-configs"]))
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@options.dry_run
@options.as_json
@click.pass_obj
def command(settings: Settings, kind: str, path: Path, dry_run: bool, as_json: bool) -> None:
    """Take over FILE: soong's config.yaml, or a Python file with the dict MODEL_CONFIGS.

    soong's custom models go into the catalogue. Entries of MODEL_CONFIGS whose model is kept here
    go into ostler.yaml, under their own names as aliases. FILE is read as data, no code of it is
    run, and no secret of it is kept. Ends with 1 where an entry could not be taken over.

    \b
    ostler import-config soong ~/.config/gpu-dashboard/config.yaml
    ostler import-config model-configs router/config.py --dry-run
    """
    text = files.decoded(path, files.read(path) or b"")
    found = _soong if kind == "soong" else _model_configs
    said = found(settings, path, text, dry_run)
    if not dry_run and said["taken"]:
        journal.did(settings, "import-config", str(path), models=list(said["taken"]))
    if as_json:
        show.as_json({"file": path, "kind": kind, "dry_run": dry_run, **said})
    else:
        _show(said, dry_run)
    if said["faults"]:
        raise SystemExit(1)


def _show(said: dict[str, Any], dry_run: bool) -> None:
    would = "Would be taken over" if dry_run else "Taken over"
    for name, what in said["taken"].items():
        show.line(f"{would}: {name}: {what}")
    for name, why in said["faults"].items():
        show.line(f"Not taken over: {name}: {why}")
    for text in said["notes"]:
        show.line(text)
    if not said["taken"] and not said["faults"]:
        show.line("It names no model.")


def _soong(settings: Settings, path: Path, text: str, dry_run: bool) -> dict[str, Any]:
    found = foreign.soong(editing.read(text, str(path)))
    taken: dict[str, str] = {}
    faults = dict(found.faults)
    for id, said in found.models.items():
        try:
            entry = catalogue.plan_add(settings.home, id, said)
        except UsageError as error:
            faults[id] = error.what
            continue
        if not dry_run:
            catalogue.add(settings.home, id, said)
        taken[id] = (
            f"{entry.repo}, {entry.billions:g} B, {entry.quantization}, {entry.context:,} tokens"
        )
    left = [f"Left, as they are no models: {', '.join(found.left)}."] if found.left else []
    return {"taken": taken, "faults": faults, "notes": left}


def _model_configs(settings: Settings, path: Path, text: str, dry_run: bool) -> dict[str, Any]:
    found = foreign.model_configs(text, str(path))
    named = served_names(wiring.store(settings).models())
    faults, taken, notes = dict(found.faults), {}, []
    wishes: dict[str, dict[str, Any]] = {}
    for one in found.entries:
        kept = _kept(one, named)
        if kept is None:
            faults[one.name] = (
                f"{one.folder} is not kept here; `ostler import {one.path} --id ORG/{one.folder}` "
                "or `ostler pull` first."
            )
            continue
        wishes[kept.id] = wish(one, wishes.get(kept.id, {}))
        taken[one.name] = f"{kept.id} {wishes[kept.id]}"
        notes += [f"{one.name}: {text}" for text in _corrections(settings, one, kept)]
    if wishes and not dry_run:
        w.edit(settings.home / w.FILE, lambda held: _into(held, wishes))
    return {"taken": taken, "faults": faults, "notes": notes}


def _kept(one: foreign.Entry, named: tuple[Named, ...]) -> Named | None:
    """The kept model that lies in a folder of this name, as the guide names its folders."""
    same = [n for n in named if n.manifest.name.rpartition("/")[2].lower() == one.folder.lower()]
    return same[0] if same else None


def wish(one: foreign.Entry, before: dict[str, Any]) -> dict[str, Any]:
    """Return what ostler.yaml shall say of a model for one entry, beside what it says already."""
    aliases = [*before.get("aliases", []), one.name]
    base = one.name.rpartition("_")
    if base[0] and (base[2].isdigit() or base[2] == "dual"):
        aliases.append(base[0])  # clients of the guide say `new_model`, its table `new_model_0`
    said = {
        "aliases": list(dict.fromkeys(aliases)), "context": one.context or before.get("context"),
        "max_concurrent": one.concurrent or before.get("max_concurrent"),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _corrections(settings: Settings, one: foreign.Entry, kept: Named) -> list[str]:
    """Where the entry says otherwise than the files, which win."""
    from ostler.verbs.inspect import kept_facts

    facts = kept_facts(wiring.store(settings), kept.manifest, kept.variant)
    notes = []
    held = facts.quantization
    if one.quantization and not (held or "").startswith(one.quantization):
        notes.append(f"quantization_mismatch: it says {one.quantization}, the files are "
                     f"{held or (facts.dtype or 'unknown').lower()}.")  # fmt: skip
    if one.context and facts.context_length and one.context > facts.context_length:
        notes.append(f"context_exceeds_model: it says {one.context:,} tokens, the files take "
                     f"{facts.context_length:,}.")  # fmt: skip
    if one.gpus:
        which = " and ".join(f"GPU {gpu}" for gpu in one.gpus)
        notes.append(
            f"{which} is not taken over: Ostler places models itself; `ostler pool` binds."
        )
    return notes


def _into(held: Any, wishes: dict[str, dict[str, Any]]) -> None:
    models = held["models"] = held.get("models") or {}
    for name, said in wishes.items():
        models[name] = {**(models.get(name) or {}), **said}
