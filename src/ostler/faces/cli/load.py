"""`ostler load`: load a model before anybody asks for it."""

from __future__ import annotations

import time

import click

from ostler.core.sizes import duration as in_words
from ostler.core.sizes import memory, seconds
from ostler.faces.cli import options, server, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings

LONGEST = 366 * 86_400.0  # seconds


class Duration(click.ParamType[float]):
    """A time span above nothing, in seconds."""

    name = "time"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            found = seconds(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not 0 < found <= LONGEST:
            self.fail("it must be more than nothing, and a year at most.", param, ctx)
        return found


@click.command("load")
@click.argument("model")
@click.option(
    "--duration", type=Duration(), metavar="TIME", help="End it after so long: 60m, 2h, 90s."
)
@click.option(
    "--max-concurrent",
    type=click.IntRange(1),
    metavar="N",
    help="Requests that it may answer at once from now on; more get a 429.",
)
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings,
    model: str,
    duration: float | None,
    max_concurrent: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Load a model in the running server, and wait until it answers.

    Others that nobody uses may have to make room; what is pinned never does.

    \b
    ostler load Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler load Qwen/Qwen2.5-0.5B-Instruct-GGUF --dry-run
    ostler load Qwen/Qwen2.5-0.5B-Instruct-GGUF --duration 60m --max-concurrent 3
    """
    path = server.model_path(model, "estimate")
    found = server.needed(settings)
    if dry_run or not as_json:
        expected = server.ask(found, "GET", path)
        where = " or ".join(expected["devices"])
        said = (
            f"{expected['id']} needs {memory(expected['memory_bytes'])} on {where}; "
            f"about {in_words(expected['seconds'])} to load, from its bytes and the speed here."
        )
        if dry_run:
            show.as_json(expected) if as_json else show.line(said)
            return
        show.note(said)
    began = time.monotonic()
    if max_concurrent is not None:
        wish = {"max_concurrent": max_concurrent}
        server.ask(found, "PATCH", server.model_path(model, "wish"), wish)
    lease = f"?seconds={duration:g}" if duration is not None else ""
    about = None if as_json else expected["seconds"]
    with waiting(f"Loading {model}", about):
        answer = server.ask(found, "POST", server.model_path(model, "load") + lease)
    if as_json:
        show.as_json(answer)
    else:
        took = in_words(time.monotonic() - began)
        until = f" It ends in {in_words(duration)}." if duration is not None else ""
        show.line(
            f"{answer['id']} is {answer['state']} on {answer['device']}, after {took}.{until}"
        )
