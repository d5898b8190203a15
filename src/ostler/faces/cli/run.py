"""`ostler run`: from a name to an answer."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass

import click

from ostler import wiring
from ostler.core.naming import Named
from ostler.core.refs import parse
from ostler.core.sizes import duration
from ostler.errors import UnknownModel, UsageError
from ostler.faces.cli import containing, journal, options, printing, server, show
from ostler.faces.cli.containing import Where, means
from ostler.faces.cli.waiting import waiting
from ostler.nouns import PullPlan, Task, Workload
from ostler.settings import Settings
from ostler.verbs.chat import Endpoint, Piece, complete, embed, reply


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for, beside the model."""

    prompt: str | None
    system: str | None
    max_tokens: int | None
    temperature: float | None
    engine: str | None
    workload: Workload
    quiet: bool
    where: Where
    as_json: bool = False


@click.command("run")
@click.argument("model")
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="A system message before the prompt.")
@click.option(
    "--max-tokens", type=click.IntRange(1), metavar="N", help="The longest answer, in tokens."
)
@click.option(
    "--temperature",
    type=options.Number(0),
    metavar="N",
    help="0 gives the same answer each time.",
)
@options.engine
@options.context
@options.kv_dtype
@options.flags
@options.endpoint
@options.offline
@options.within
@options.image
@options.engine_version
@options.gpus
@click.option(
    "--print",
    "way",
    is_flag=False,
    flag_value="auto",
    metavar="[shell|docker|podman]",
    type=click.Choice(printing.WAYS),
    help="Print the command that serves the model, and run nothing.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    default=printing.PORT,
    show_default=True,
    help="The port in what --print prints.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the answer and nothing else.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, prompt: str | None, system: str | None, max_tokens: int | None,
    temperature: float | None, engine: str | None, context: int | None, kv_dtype: str,
    flags: tuple[tuple[str, str], ...], endpoint: str | None, offline: bool, within: str | None,
    image: str | None, engine_version: str | None, gpus: tuple[str, ...], way: str | None,
    port: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Answer PROMPT with MODEL, or chat without one. Fetches the model if it is not here.

    The prompt may also come from a pipe. An embedding model prints its vector.

    \b
    ostler run hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m "Why is the sky blue?"
    echo "Summarise: ..." | ostler run Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler run Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler run Qwen/Qwen2.5-0.5B-Instruct-GGUF --in container "Why is the sky blue?"
    ostler run Qwen/Qwen2.5-0.5B-Instruct-GGUF --json "Why is the sky blue?"
    ostler run Qwen/Qwen2.5-0.5B-Instruct-GGUF --print docker
    """
    parse(model)  # a malformed name is told before anything is waited for
    tokens = context or settings.context
    workload = Workload(
        tokens, 1, kv_dtype, threads=settings.threads, flags=flags, for_all=not context
    )
    if way:
        asked = containing.Wish(model, engine, image, engine_version, workload)
        printing.show(settings, asked, way, gpus, port)
        return
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read().strip() or None
    if prompt is None and (as_json or not sys.stdin.isatty()):
        why = "--json gives one answer" if as_json else "there is no terminal to chat on"
        raise UsageError(
            f"There is no prompt, and {why}.", hint=f'ostler run {model} "Why is the sky blue?"'
        )
    where = Where(within or settings.launcher, image, engine_version)
    named = _kept_or_fetched(settings, model, endpoint, offline, quiet or as_json, engine, where)
    wish = Wish(
        prompt, system, max_tokens, temperature, engine, workload, quiet or as_json, where, as_json
    )
    asyncio.run(_answer(settings, named, wish))


def _kept_or_fetched(
    settings: Settings, model: str, endpoint: str | None, offline: bool, quiet: bool,
    engine: str | None, where: Where,
) -> Named:  # fmt: skip
    """Return the model, fetched first where it is not kept here and an engine may load it."""
    try:
        return wiring.named(settings, model)
    except UnknownModel as error:
        if offline:
            from ostler.faces.cli.facts import offline_missing

            raise offline_missing(error) from error
    from ostler.faces.cli.pull import fetch

    ref = parse(model)
    source = wiring.source(settings, endpoint, ref)

    def judge(plan: PullPlan) -> None:
        from ostler.verbs.foresee import foresee

        if where.launcher == "container":
            return
        lacking = foresee(plan, source, wiring.machine(settings, remembers=False), engine)
        if lacking and not quiet:
            show.note(f"{lacking.what} It is fetched all the same. {lacking.hint}")

    fetch(settings, ref, source, quiet=quiet, judge=judge)
    return wiring.named(settings, model)


async def _answer(settings: Settings, named: Named, wish: Wish) -> None:
    found = server.running(settings)
    own = wish.engine or wish.workload.context or wish.workload.flags or wish.where.said
    if found and not own:
        from ostler.verbs.inspect import kept_facts

        _say(wish, f"Asking the server at {found.address}.")
        facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
        at = Endpoint(found.host, found.port, named.id, found.key)
        await _talk(at, facts.task or Task.CHAT, facts.chat_template, wish)
        return
    await _answer_alone(settings, named, wish)


async def _answer_alone(settings: Settings, named: Named, wish: Wish) -> None:
    from ostler.verbs.hold import held
    from ostler.verbs.learning import measure
    from ostler.verbs.prepare import prepare
    from ostler.verbs.start import size_of

    machine, launcher = await means(settings, named, wish.engine, wish.where)
    ready = prepare(named, wiring.store(settings), machine, wish.workload, wish.engine)
    _say(
        wish,
        f"{named.id} fits on {ready.placement.device.id} with a context of "
        f"{ready.estimate.context}: {ready.placement.because}.",
    )
    _say(wish, f"Engine: {ready.choice.engine}, because {ready.choice.rule}.")
    port = wiring.engine_port(settings)
    log = str(wiring.log_path(settings, named.id))
    began, mark = asyncio.get_running_loop().time(), size_of(log)
    async with AsyncExitStack() as life:
        with waiting(f"Starting {ready.choice.engine}"):
            process, at = await life.enter_async_context(held(ready, launcher, port, log))
        _say(wish, f"Ready in {duration(asyncio.get_running_loop().time() - began)}.\n")
        looking = asyncio.to_thread(
            measure, named, ready, wish.workload, process.pid, log, mark, wiring.reading()
        )
        measuring = asyncio.create_task(looking)  # beside the answer, which does not wait for it
        await _talk(at, ready.served.task, ready.served.facts.chat_template, wish)
        measured = await measuring
    journal.measured(settings, measured)


async def _talk(at: Endpoint, task: Task, chat_template: bool, wish: Wish) -> None:
    if task is Task.RERANK:
        raise UsageError(
            f"{at.model} is a reranker; it compares texts and answers no prompt.",
            hint="`ostler serve`, then POST /v1/rerank with a query and documents.",
        )
    if task is Task.EMBED:
        await _embed(at, wish)
    elif not chat_template:
        await _shown(at, _completion(at, wish), wish)
    elif wish.prompt is None:
        await _chat(at, wish)
    else:
        await _shown(at, _reply(at, [*_first(wish), _user(wish.prompt)], wish), wish)


async def _embed(at: Endpoint, wish: Wish) -> None:
    if wish.prompt is None:
        raise UsageError(
            f"{at.model} is an embedding model.", hint=f'ostler run {at.model} "a text to embed"'
        )
    vector = await embed(at, wish.prompt)
    show.event({"model": at.model, "embedding": vector} if wish.as_json else vector)


def _completion(at: Endpoint, wish: Wish) -> AsyncIterator[Piece]:
    if wish.prompt is None:
        raise UsageError(
            f"{at.model} has no chat template: it continues texts and cannot chat.",
            hint=f'ostler run {at.model} "Once upon a time" --max-tokens 100',
        )
    return complete(
        at, wish.prompt, max_tokens=wish.max_tokens or 256, temperature=wish.temperature
    )


def _reply(at: Endpoint, messages: list[dict[str, str]], wish: Wish) -> AsyncIterator[Piece]:
    return reply(at, messages, max_tokens=wish.max_tokens, temperature=wish.temperature)


async def _chat(at: Endpoint, wish: Wish) -> None:
    """Chat until the end of the input; the engine hears the whole conversation each time."""
    show.note("Chat with the model. Ctrl-D or /bye ends it, /new forgets what was said.")
    messages = _first(wish)
    with _terminal_as_it_was():
        while (text := await _line()) is not None and text.strip() != "/bye":
            if text.strip() == "/new":
                messages = _first(wish)
            elif text.strip():
                messages.append(_user(text))
                said = await _print(_reply(at, messages, wish))
                messages.append({"role": "assistant", "content": said})


@contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Put the terminal's modes back: line editing that is broken off leaves them changed."""
    try:
        import termios
    except ImportError:  # no such modes on this system
        yield
        return
    modes = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)


async def _line() -> str | None:
    """Read a line with the terminal's own editing; None at the end.

    In a daemon thread, which Ctrl-C leaves behind: a pool's thread would be waited for.
    """
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()

    def read() -> None:
        with suppress(ImportError):
            import readline  # noqa: F401 - importing it is what gives input() its editing
        try:
            text: str | None = input(">>> ")
        except EOFError:
            text = None
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(typed.set_result, text)

    threading.Thread(target=read, daemon=True).start()
    text = await typed
    if text is None:
        show.line()
    return text


async def _shown(at: Endpoint, pieces: AsyncIterator[Piece], wish: Wish) -> None:
    if not wish.as_json:
        await _print(pieces)
        return
    whole = [piece async for piece in pieces]
    text, thinking = (
        "".join(piece.text for piece in whole if piece.thinking is thought)
        for thought in (False, True)
    )
    show.as_json({"model": at.model, "answer": text, "thinking": thinking or None})


async def _print(pieces: AsyncIterator[Piece]) -> str:
    """Print the answer as it comes; return its text, without the thinking."""
    said = []
    async for piece in pieces:
        if piece.thinking:
            click.echo(show.style(piece.text, dim=True), nl=False, err=True)
        else:
            said.append(piece.text)
            click.echo(piece.text, nl=False)
            sys.stdout.flush()
    show.line()
    return "".join(said)


def _first(wish: Wish) -> list[dict[str, str]]:
    return [{"role": "system", "content": wish.system}] if wish.system else []


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _say(wish: Wish, text: str) -> None:
    if not wish.quiet:
        show.note(show.style(text, dim=True))
