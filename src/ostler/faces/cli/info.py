"""`ostler info`: what a model is, read from its files."""

from __future__ import annotations

import click

from ostler.core.sizes import file_size, parameters
from ostler.faces.cli import options, show
from ostler.faces.cli.facts import Known, look_up
from ostler.faces.cli.meant import moved
from ostler.faces.cli.measured import measured, show_measured, show_tried, tried
from ostler.nouns import Manifest, ModelFacts
from ostler.settings import Settings


@click.command("info")
@click.argument("model")
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, endpoint: str | None, offline: bool, as_json: bool
) -> None:
    """Show what MODEL is: architecture, parameters, types, context, licence, origin.

    All of it is read from headers and configuration, never from the name. A model that is not
    kept here is looked at on the hub, a few kilobytes of it.

    \b
    ostler info Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler info Qwen/Qwen2.5-0.5B-Instruct-GGUF#q8_0 --json
    """
    known = look_up(settings, model, endpoint, offline)
    if as_json:
        show.as_json(
            {
                "id": known.id,
                "kept": known.kept,
                "variant": known.variant,
                "facts": _without_matrices(known.facts),
                "origin": known.origin,
                "measured": measured(settings, known),
                "downloads": tried(settings, known),
            }
        )
        return
    show.heading(known.id)
    show.pairs([*_facts(known.facts), *_origin(settings, known)])
    for text in known.facts.unknown:
        show.line(f"Unknown: {text}")
    show_measured(measured(settings, known))
    show_tried(tried(settings, known))


def _without_matrices(facts: ModelFacts) -> dict[str, object]:
    """The facts without the shape of every matrix, of which a model has hundreds."""
    return {name: value for name, value in show.plain(facts).items() if name != "matrices"}


def _facts(facts: ModelFacts) -> list[tuple[str, str]]:
    shape = {
        "layers": facts.layers,
        "hidden size": facts.hidden,
        "heads": facts.heads,
        "KV heads": facts.kv_heads,
        "head size": facts.head_dim,
        "vocabulary": facts.vocabulary,
    }
    return [
        ("architecture", facts.architecture or "unknown"),
        ("task", facts.task.value if facts.task else "unknown"),
        ("parameters", _exact(facts.parameters)),
        ("weights", f"{facts.format.value}, {file_size(facts.weight_bytes)}"),
        ("type", facts.dtype or "unknown"),
        ("quantization", facts.quantization or "none"),
        ("context", f"{facts.context_length} tokens" if facts.context_length else "unknown"),
        ("shape", ", ".join(f"{name} {n}" for name, n in shape.items() if n is not None)),
        ("chat template", "yes" if facts.chat_template else "no"),
    ]


def _exact(count: int | None) -> str:
    return "unknown" if count is None else f"{parameters(count)} ({count:,})"


def _origin(settings: Settings, known: Known) -> list[tuple[str, str]]:
    origin = known.origin
    rows = [("licence", origin.licence or "unknown"), ("commit", origin.commit)]
    if not isinstance(origin, Manifest):
        if place := moved(settings, known.origin.name):
            back = f"moved to {place}; `ostler unarchive {known.origin.name}` brings it back"
            return [*rows, ("kept here", back)]
        return [*rows, ("kept here", f"no; `ostler pull {known.id}` fetches it")]
    if origin.derived_from:
        made = [("made from", origin.derived_from), ("made by", origin.made_by)]
        return [*rows, *made, ("kept", f"{origin.pulled_at} by {origin.tool}")]
    return [
        *rows,
        ("from", ", ".join((origin.origin or "unknown", *origin.revisions))),
        ("pulled", f"{origin.pulled_at} by {origin.tool}"),
    ]
