"""`ostler config-of`: how a model is to be served, several ways by name, one of them in force."""

from __future__ import annotations

from typing import Any

import click

from ostler.core.editing import at
from ostler.core.editing.scalars import meaning
from ostler.errors import UsageError
from ostler.faces.cli import journal, options, show, wishes
from ostler.faces.server import wishes as w
from ostler.settings import Settings

DEFAULT = "default"
ALSO = {"max_model_len": "context", "max_num_seqs": "sequences"}  # as vLLM calls them


@click.command("config-of")
@click.argument("model")
@click.argument("act", type=click.Choice(["list", "use", "rm"]), required=False)
@click.argument("which", metavar="[NAME]", required=False)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE",
              help="Such as max_model_len=8192; an empty value takes it back.")  # fmt: skip
@click.option(
    "--name", default=DEFAULT, show_default=True, help="Of the configuration that --set changes."
)
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, act: str | None, which: str | None, pairs: tuple[str, ...],
    name: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """List, change and choose the configurations of MODEL.

    Every model has one named `default`, which is in force. `use NAME` puts another one in force;
    what was in force before is then kept as `previous`. All of them stand in ostler.yaml.

    \b
    ostler config-of Qwen/Qwen2.5-7B-Instruct list
    ostler config-of Qwen/Qwen2.5-7B-Instruct --name small --set max_model_len=8192
    ostler config-of Qwen/Qwen2.5-7B-Instruct use small
    """
    id = wishes.own_name(settings, model)
    if pairs and act not in (None, "list"):
        raise UsageError("--set changes a configuration; it stands alone.")
    if (act in ("use", "rm")) != bool(which):
        raise UsageError("`use NAME` and `rm NAME` need a name, `list` none.")
    file = settings.home / w.FILE
    held = w.values(file)
    after = held
    if pairs:
        after = _changed(held, id, name, dict(_pair(one) for one in pairs))
    elif act == "use":
        after = _used(held, id, str(which))
    elif act == "rm":
        after = _without(held, id, str(which))
    if after != held and not dry_run:
        w.edit(file, lambda now: _replace(now, after))
        journal.did(settings, "config", id, name=which or name)
    else:
        w.checked(after, file)
    _show(id, after, as_json)


def _replace(now: Any, after: dict[Any, Any]) -> None:
    now.clear()
    now.update(after)


def configurations(held: Any, model: str) -> dict[str, dict[str, Any]]:
    """Return a model's configurations by name; `default` is the one in force."""
    return {DEFAULT: at(held, ("models", model)) or {}, **(at(held, ("configs", model)) or {})}


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: what is its value?", hint="--set max_model_len=8192")
    return ALSO.get(name, name), meaning(value, None)


def _changed(held: Any, model: str, name: str, values: dict[str, Any]) -> Any:
    said = {**configurations(held, model).get(name, {}), **values}
    said = {key: value for key, value in said.items() if value is not None}
    return _with(held, model, name, said)


def _with(held: Any, model: str, name: str, said: dict[str, Any]) -> Any:
    if name == DEFAULT:
        return {**held, "models": {**(held.get("models") or {}), model: said}}
    configs = held.get("configs") or {}
    return {**held, "configs": {**configs, model: {**(configs.get(model) or {}), name: said}}}


def _used(held: Any, model: str, name: str) -> Any:
    found = configurations(held, model)
    if name not in found:
        raise _unknown(model, name, found)
    if name == DEFAULT or found[name] == found[DEFAULT]:
        return held
    return _with(_with(held, model, "previous", found[DEFAULT]), model, DEFAULT, found[name])


def _without(held: Any, model: str, name: str) -> Any:
    found = configurations(held, model)
    if name not in found:
        raise _unknown(model, name, found)
    if name == DEFAULT:
        raise UsageError("`default` is in force and stays.", hint="--set NAME= takes a value back.")
    kept = {key: value for key, value in held["configs"][model].items() if key != name}
    configs = {key: value for key, value in held["configs"].items() if key != model}
    after = {key: value for key, value in held.items() if key != "configs"}
    configs |= {model: kept} if kept else {}
    return after | ({"configs": configs} if configs else {})


def _unknown(model: str, name: str, found: dict[str, Any]) -> UsageError:
    return UsageError(f"{model} has no configuration {name}.", hint=f"It has: {', '.join(found)}.")


def _show(model: str, held: Any, as_json: bool) -> None:
    found = configurations(held, model)
    if as_json:
        show.as_json({"model": model, "in_force": DEFAULT, "configurations": found})
        return
    for name, said in found.items():
        values = ", ".join(f"{key} {value}" for key, value in said.items())
        show.line(f"{name}: {values or 'as the model and the engine have it'}")
