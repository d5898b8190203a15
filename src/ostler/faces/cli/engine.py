"""`ostler engine`: which engine runs a model, and why; install one."""

from __future__ import annotations

from dataclasses import asdict

import click

from ostler import wiring
from ostler.errors import EngineUnsupported, UsageError
from ostler.faces.cli import options, show
from ostler.nouns import Choice
from ostler.settings import Settings


class EngineCommands(click.Group):
    """Takes a model's name where no command of ours stands: `ostler engine MODEL`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["of", *args]
        return super().resolve_command(ctx, args)


@click.group("engine", cls=EngineCommands)
def command() -> None:
    """Say which engine runs a model here, and why; list or install engines.

    \b
    ostler engine Qwen/Qwen2.5-0.5B-Instruct-GGUF --explain
    ostler engine ls
    ostler engine vllm --architectures
    ostler engine images
    ostler engine install transformers
    """


@command.command("of")
@click.argument("model")
@click.option("--architectures", is_flag=True, help="List what the engine MODEL loads; no model.")
@click.option("--explain", is_flag=True, help="Also say what every other engine said.")
@options.engine
@options.within
@options.image
@options.as_json
@click.pass_obj
def of(
    settings: Settings, model: str, architectures: bool, explain: bool, engine: str | None,
    within: str | None, image: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say which engine runs MODEL here, and the rule that chose it.

    `of` may be left out.

    \b
    ostler engine Qwen/Qwen2.5-0.5B-Instruct-GGUF --explain
    ostler engine Qwen/Qwen2.5-0.5B-Instruct --engine transformers
    ostler engine Qwen/Qwen2.5-0.5B-Instruct-GGUF --in container
    ostler engine vllm --architectures
    """
    if architectures:
        _list(model, as_json)
        return
    from ostler.faces.cli import containing
    from ostler.verbs.inspect import kept_facts
    from ostler.verbs.prepare import choose_engine

    named = wiring.named(settings, model)
    facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
    where = containing.Where(within or settings.launcher, image)
    machine, images = containing.seen(settings, named, engine, where)
    try:
        choice = choose_engine(facts, machine, engine)
    except EngineUnsupported as error:
        if explain and not as_json:
            refused: dict[str, str] = error.facts.get("refused", {})
            show.table(("ENGINE", "WHY NOT"), list(refused.items()))
        raise
    used = images.get(choice.engine)
    if as_json:
        show.as_json(choice if used is None else {**asdict(choice), "image": asdict(used)})
        return
    _show(choice, explain)
    if used:
        show.line(f"Its image is {used.reference}: {used.why}.")


def _list(engine: str, as_json: bool) -> None:
    from ostler import data
    from ostler.core.architectures import SAME_LIST

    lists = data.architectures()
    listed = lists.get(SAME_LIST.get(engine, engine))
    if listed is None:
        raise UsageError(
            f"There is no list of the architectures that {engine!r} loads.",
            hint=f"There are lists of {', '.join(lists)}: ostler engine vllm --architectures",
        )
    if as_json:
        show.as_json(listed.as_facts())
        return
    show.note(
        f"{listed.engine} {listed.version} ({listed.date}) loads {len(listed.names)}, by "
        f"{listed.by}; read from {listed.source}."
    )
    for name in listed.names:
        show.line(name)


def _show(choice: Choice, explain: bool) -> None:
    show.line(f"{choice.engine} {choice.installed.version}, because {choice.rule}.")
    if not explain:
        return
    rows = [
        ("chosen" if v.engine == choice.engine else "can" if v.can else "no", v.engine, v.because)
        for v in choice.verdicts
    ]
    show.table(("", "ENGINE", "WHY"), rows)


@command.command("ls")
@options.as_json
@click.pass_obj
def ls(settings: Settings, as_json: bool) -> None:
    """List the engines that are installed here.

    \b
    ostler engine ls
    """
    from ostler.verbs.installing import installable

    machine = wiring.machine(settings)
    if as_json:
        show.as_json([machine.installed.get(one.name) for one in machine.engines])
        return
    rows = []
    for one in machine.engines:
        found = machine.installed.get(one.name)
        if found:
            rows.append((one.name, found.version, found.via, found.argv[0]))
        else:
            builds = (n for n in installable() if n in (one.name, f"{one.name}-cpu"))
            way = next((f"ostler engine install {name}" for name in builds), "by hand")
            rows.append((one.name, "", "not installed", way))
    show.table(("ENGINE", "VERSION", "AS", "PROGRAM"), rows)


@command.command("images")
@options.as_json
@click.pass_obj
def of_images(settings: Settings, as_json: bool) -> None:
    """List the container images of engines: those known by their digests, and yours.

    Yours stand in ostler.yaml under `images`, by the engine's name, and come first.

    \b
    ostler engine images
    """
    from ostler.core import images
    from ostler.faces.cli.containing import own_images

    own = [images.configured(engine, said) for engine, said in own_images(settings).items()]
    found = [*own, *images.known()]
    if as_json:
        show.as_json([asdict(one) for one in found])
        return
    rows = [(one.engine, one.version, one.reference, one.why) for one in found]
    show.table(("ENGINE", "VERSION", "IMAGE", "WHY"), rows, spare=("WHY",))


@command.command("install")
@click.argument("name")
@options.dry_run
@click.option("--quiet", "-q", is_flag=True, help="Print nothing where nothing is to be done.")
@options.as_json
@click.pass_obj
def install(settings: Settings, name: str, dry_run: bool, quiet: bool, as_json: bool) -> None:
    """Install an engine into an environment of its own.

    \b
    ostler engine install transformers
    """
    from ostler.verbs.installing import install as carry_out
    from ostler.verbs.installing import plan_install

    plan = plan_install(name, settings.engines_dir)
    if not as_json and (dry_run or not (plan.needed or quiet)):
        show.line(f"{plan.because[0].upper()}{plan.because[1:]}.")
    if not dry_run:
        has_cuda = bool(wiring.machine(settings).hardware.of_kind("nvidia"))
        carry_out(plan, show.note, cpu_only=not has_cuda)
    if as_json:
        show.as_json({
            "engine": plan.engine, "folder": plan.folder, "needed": plan.needed,
            "because": plan.because, "dry_run": dry_run,
        })  # fmt: skip
