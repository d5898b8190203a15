"""The command `ostler`: what it lists, how it loads a command, how it shows an error.

A command's module is imported only when that command runs, and the list of commands needs
none of them, so that `ostler --help` and `ostler ls` answer at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ostler import settings
from ostler.errors import BadRef, InsufficientDisk, OstlerError, UnknownModel, UsageError
from ostler.faces.cli import show
from ostler.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name -> (module in this package, what it does); the order is the order of a first visit.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Start here": {
        "demo": ("demo", "Watch the whole way once, on models that are shipped."),
        "run": ("run", "Answer a prompt, or chat; fetches the model if need be."),
        "serve": ("serve", "Serve every kept model behind one OpenAI-compatible address."),
        "dashboard": ("dashboard", "Open the running server's web pages."),
        "status": ("status", "Show all of it at one look: server, models, work, money."),
    },
    "Models": {
        "search": ("search", "Find models here and on the hub."),
        "files": ("files", "List a repository's files and quantizations."),
        "pull": ("pull", "Fetch a model, prove every byte, keep it."),
        "add": ("add", "Fetch, configure, write or load, and test a model: all of it or nothing."),
        "downloads": ("downloads", "Show, end and resume downloads, from any terminal."),
        "ls": ("ls", "List the models that are kept here."),
        "info": ("info", "Show what a model is, read from its files."),
        "verify": ("verify", "Read kept files again and compare their hashes."),
        "rm": ("rm", "Remove a model; `undo` brings it back."),
        "undo": ("undo", "Bring back what was removed."),
        "trash": ("trash", "List what was removed and can be had back."),
    },
    "Keeping": {
        "import": ("import_", "Take in what another application keeps."),
        "du": ("du", "Show what the kept models take, and what is free."),
        "gc": ("gc", "Free the bytes that no model needs."),
        "env": ("env", "Print what other programs need to find the kept models."),
        "view": ("view", "Show or make a folder with a model's files."),
        "checksums": ("checksums", "Print every file's hash, for sha256sum -c."),
        "outdated": ("outdated", "List kept models that moved on upstream."),
        "archive": ("archive", "Move a model to another disk."),
        "unarchive": ("unarchive", "Bring an archived model back."),
        "rebuild": ("rebuild", "Make lost manifests anew from the store."),
        "bundle": ("bundle", "Write models into one file, or take them in from one."),
        "backup": ("backup", "Copy models and records to another place."),
        "restore": ("restore", "Bring models back, from the trash or from a backup."),
    },
    "Memory and engines": {
        "fit": ("fit", "Show what a model needs, by term, and where it fits."),
        "hw": ("hw", "Show this machine's devices and memory."),
        "engine": ("engine", "Explain which engine runs a model; install one."),
        "export": ("export", "Write down what would run, or watch: Compose, Kubernetes, ..."),
        "quantize": ("quantize", "Make a kept model's weights smaller, as a model of its own."),
        "jobs": ("jobs", "Show work that takes a while, from any terminal; end it."),
        "triton": ("triton", "Check a model repository that Triton is to serve."),
        "sync": ("sync", "Say where wishes, files and what runs differ; bring them into line."),
        "lamini": ("lamini", "Edit the preload list and the pods of a Lamini you run yourself."),
        "measure": ("measure", "Start a model and keep what it really takes."),
    },
    "Catalogue, GPUs, prices": {
        "models": ("models", "List the models known by a short name; add your own."),
        "recommend": ("recommend", "Say which model to take on which GPU, for how much."),
        "guide": ("guide", "List what to take of each model, by use and platform."),
        "compare": ("compare", "Hold models against each other: memory, GPU, cost."),
        "gpus": ("gpus", "List the GPUs that are known, with their memory and prices."),
        "cost": ("cost", "Quote and book rented hours; report the month by model."),
        "prices": ("prices", "Show what rented GPUs cost, and since when; read newer prices."),
    },
    "Serving": {
        "ps": ("ps", "Show what is loaded and what it does."),
        "top": ("top", "Watch devices, models, requests and downloads, live."),
        "load": ("load", "Load a model before anybody asks for it."),
        "unload": ("unload", "Stop a model and free its memory."),
        "preload": ("preload", "Show or set what is loaded at the start."),
        "pin": ("pin", "Keep a model loaded, or let go of it."),
        "pool": ("pool", "Show or set which memory is for which models."),
        "stop": ("stop", "Stop a model, or the server."),
        "logs": ("logs", "Show an engine's own log."),
        "bench": ("bench", "Send a model many requests: throughput, latencies, errors."),
        "why": ("why", "Say what stands between a model and an answer, and what to do."),
        "test": ("test", "Send a model one real request and time it."),
        "keys": ("keys", "Make, list, replace and end the keys of callers."),
        "history": ("history", "Show who did what, when, and why."),
        "hub": ("hub", "Let other machines fetch models from this one."),
    },
    "Settings": {
        "doctor": ("doctor", "Look at all that an installation stands on, and what mends it."),
        "licences": ("licences", "Report the licences of what is kept; accept one on record."),
        "config-of": ("config_of", "Show and change how a model is to be served."),
        "import-config": ("import_config", "Take over the models of an older system's files."),
        "config": ("config", "Show the settings and where each comes from."),
        "schema": ("schema", "Print the JSON Schema of what a command prints with --json."),
        "completion": ("completion", "Let bash, zsh or fish complete commands and model names."),
    },
}
COMPLETE = "_OSTLER_COMPLETE"  # set by a shell that wants to complete a line
LONGEST = 200  # characters of a sentence in a list of commands
MODULES = {name: entry for group in COMMANDS.values() for name, entry in group.items()}


class _ReaderGone(Exception):
    """The reader of our output has gone. Click would end a BrokenPipeError with exit code 1."""


class Commands(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error
        except (BadRef, UnknownModel) as error:
            from ostler.faces.cli.meant import hinted

            raise hinted(ctx.obj, error) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in MODULES:
            return None
        module = importlib.import_module(f"ostler.faces.cli.{MODULES[name][0]}")
        command: click.Command = module.command
        if isinstance(command, click.Group):
            _say_whole_sentences(command)
        if COMPLETE in os.environ:
            from ostler.faces.cli.completing import completes

            return completes(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete a command's name by the list above; click would import every command."""
        from click.shell_completion import CompletionItem

        named = [
            CompletionItem(name, help=what)
            for name, (_, what) in MODULES.items()
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in MODULES and not name.startswith("-"):
            raise click.UsageError(f"There is no command '{name}'.{_did_you_mean(name)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, what) for name, (_, what) in commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("First steps"):
            formatter.write_dl(
                [
                    ("ostler demo", "no download, no GPU, half a minute"),
                    ("ostler run hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m", "a real model"),
                ]
            )


def _say_whole_sentences(group: click.Group) -> None:
    """Let a group's help have the whole first sentence of each command; click would cut it."""
    for one in group.commands.values():
        one.short_help = one.get_short_help_str(LONGEST)


# What other programs call it; what is nearest in letters can be the opposite of what was meant.
ELSEWHERE = {
    "ask": "run", "chat": "run", "list": "ls", "models-list": "ls", "show": "info",
    "download": "pull", "get": "pull", "delete": "rm", "remove": "rm", "uninstall": "rm",
    "start": "serve", "server": "serve", "up": "serve", "down": "stop", "kill": "stop",
    "install": "engine install", "settings": "config", "upgrade": "outdated", "update": "outdated",
    "convert": "quantize", "cp": "config-of", "version": "--version", "clean": "gc", "prune": "gc",
}  # fmt: skip


def _did_you_mean(name: str) -> str:
    if name in ELSEWHERE:
        return f" That is `ostler {ELSEWHERE[name]}` here."
    from difflib import get_close_matches

    close = get_close_matches(name, MODULES, n=1)
    return f" Did you mean '{close[0]}'?" if close else " `ostler --help` lists them."


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Ostler finds, proves, keeps and serves open language models.",
    invoke_without_command=True,
)
@click.option(
    "--home", metavar="DIR",
    help="Where models are kept. [env: OSTLER_HOME, MODEL_BASE_PATH; ~/.ostler]",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Ask no hub. [env: OSTLER_OFFLINE, HF_HUB_OFFLINE]")
@click.version_option(__version__, message="ostler %(version)s")
@click.pass_context
def ostler(ctx: click.Context, home: str | None, offline: bool) -> None:
    ctx.obj = settings.load(home=home, offline="yes" if offline else None)
    if ctx.invoked_subcommand is None:
        from ostler.faces.cli.tour import tour

        tour(ctx.obj)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = _our_bug
    _open_all_streams()
    sys.exit(_run(sys.argv[1:] if argv is None else argv))


def _open_all_streams() -> None:
    """A stream that the caller closed (`>&-`) goes nowhere; no file of ours gets its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8"))


def _run(argv: list[str]) -> int:
    try:
        if COMPLETE in os.environ:
            importlib.import_module("ostler.faces.cli.completing")
        result: Any = ostler.main(argv, prog_name="ostler", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except OstlerError as error:
        error.hint = error.hint or _way_back(error, argv)
        show.error(error, as_json="--json" in argv)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped.", err=True)
        return 130
    except (BrokenPipeError, _ReaderGone):
        # The reader of our output (`| head`) has gone; that is no error of anybody.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return _refused_by_the_system(error)


def _way_back(error: OstlerError, argv: list[str]) -> str:
    """Return the command to try after a refusal that names none."""
    if isinstance(error, UsageError):
        return f"`{_called(argv)} --help` shows what it takes, with examples."
    if error.code in ("engine_failed", "request_failed"):
        return "`ostler logs` lists the engines' own logs."
    return "`ostler doctor` looks at all that an installation stands on."


def _called(argv: list[str]) -> str:
    """Return the command that was called, with the group it is of: `ostler keys create`."""
    path, group = ["ostler"], click.Context(ostler)
    for word in argv:
        inner = group.command
        found = inner.get_command(group, word) if isinstance(inner, click.Group) else None
        if found is not None:
            path.append(word)
            group = click.Context(found, parent=group)
    return " ".join(path)


def _refused_by_the_system(error: OSError) -> int:
    """Say what the disk or its rights do not allow; return the exit code.

    The store names its own refusals; what comes here is about the output or a small file.
    """
    refusal: OstlerError
    if error.errno == errno.ENOSPC:
        where = error.filename or "the disk that the output goes to"
        refusal = InsufficientDisk(f"There is no room left on {where}.")
    else:
        where = error.filename or "A file"
        hint = "`ostler doctor` looks at the rights of what is Ostler's."
        refusal = UsageError(f"{where} may not be used: {error.strerror}.", hint=hint)
    sys.stdout = None  # what waits to be written there would fail again
    show.error(refusal, as_json=False)
    return refusal.exit_code


def _our_bug(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Keep the traceback in a file and say in a sentence that the fault is ours."""
    import traceback
    from datetime import UTC, datetime

    from ostler.store import durable

    details = "".join(traceback.format_exception(kind, error, trace))
    try:
        path = settings.load().logs_dir / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
        durable.write(path, details.encode(errors="replace"))  # for its owner alone
        where = f"The details are in {path}"
    except (OSError, OstlerError):  # a home that cannot be written, or wrong settings
        where = f"{details}  These are the details"
    click.echo(
        f"Error: Ostler has a bug: {kind.__name__}: {error}\n"
        f"  Nothing more was done. {where}; please report them.",
        err=True,
    )
    sys.stdout.flush()
    raise SystemExit(70)
