"""How commands write files for others to start from, and how these are written again.

What was written is remembered with the words that wrote it, so that `ostler sync` can say what
they would write now. Writing again is running these words again: there is no second way.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import click

from ostler import wiring
from ostler.core.drift import Written
from ostler.errors import OstlerError, UsageError
from ostler.faces.cli import show
from ostler.settings import Settings
from ostler.verbs import editing as files
from ostler.verbs import written as w

NOT_AGAIN = ("out", "into", "force", "dry_run", "as_json")  # where it went, no part of what it is
_again: ContextVar[bool] = ContextVar("again", default=False)


def one(text: str, out: Path | None, force: bool) -> None:
    """Print a text, or write it into a file and remember that. Raises UsageError."""
    if out is None:
        click.echo(text, nl=False)
        return
    _refuse(out, out, force)
    _put(out, text)
    remember(out, {"": text})
    show.note(f"Written: {out}")


def several(texts: Mapping[str, str], out: Path, force: bool) -> None:
    """Write files into a folder, by their names in it, and remember that. Raises UsageError."""
    for name in texts:
        _refuse(out / name, out, force)
    for name, text in texts.items():
        _put(out / name, text)
    remember(out, texts)
    for name in texts:
        show.note(f"Written: {out / name}")


def _refuse(path: Path, out: Path, force: bool) -> None:
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", hint="--force replaces it.", path=str(out))


def _put(path: Path, text: str) -> None:
    """Write it in one rename: who watches the folder, as Traefik does, sees no half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    files.carry_out(files.rewrite(path, text), copy=False)


def remember(out: Path, texts: Mapping[str, str]) -> None:
    """Remember whole files that the running command wrote."""
    if _again.get():
        return
    ctx = click.get_current_context()
    hashes = {name: w.hash_of(text.encode()) for name, text in texts.items()}
    path = str(out.resolve())
    w.remember(ctx.obj.home, Written(path, words(ctx), hashes, (), models(ctx)))


def remember_part(path: Path, part: tuple[str, ...], data: Any) -> None:
    """Remember a part of a user's file that the running command put there."""
    ctx = click.get_current_context()
    hashes = {"": w.hash_of_part(data)}
    told = Written(str(path.resolve()), words(ctx), hashes, part, models(ctx))
    w.remember(ctx.obj.home, told)


def models(ctx: click.Context) -> tuple[str, ...]:
    """Return the kept models that the running command names, as they are served."""
    found: list[str] = []
    for name in ("model", "models"):
        said = ctx.params.get(name) or ()
        for text in (said,) if isinstance(said, str) else said:
            with contextlib.suppress(OstlerError):
                found.append(wiring.named(ctx.obj, text.partition("=")[0]).id)  # MODEL=URL
    return tuple(dict.fromkeys(found))


def words(ctx: click.Context) -> tuple[str, ...]:
    """Return the words that run this command again, paths made absolute, defaults left out."""
    path: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.parent is not None:
        path.insert(0, at.info_name or "")
        at = at.parent
    options: list[str] = []
    arguments: list[str] = []
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "")
        if param.name in NOT_AGAIN or value is None or value == param.get_default(ctx):
            continue
        texts = [_text(item) for item in (value if isinstance(value, tuple) else (value,))]
        if isinstance(param, click.Argument):
            arguments += texts
        elif isinstance(param, click.Option) and param.is_flag:
            on = param.opts if value is True or value == param.flag_value else param.secondary_opts
            options.append(on[-1])
        else:
            options += [word for text in texts for word in (param.opts[-1], text)]
    return (*path, *options, "--", *arguments)


def _text(value: object) -> str:
    return str(value.absolute()) if isinstance(value, Path) else str(value)


@contextlib.contextmanager
def again(settings: Settings, written: Written) -> Iterator[dict[str, str]]:
    """Give what the words would write now, by relative name. Raises what the command raises."""
    from ostler.faces.cli.app import ostler

    with tempfile.TemporaryDirectory(prefix="ostler-") as scratch:
        out = Path(scratch, "out")
        head, tail = _split(written.argv)
        command = ostler.get_command(click.Context(ostler), head[0])
        if command is None:
            raise UsageError(f"There is no command {head[0]!r} any more.")
        argv = [*head[1:], "--out", str(out), *tail]
        mark = _again.set(True)
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                command.main(argv, prog_name=head[0], obj=settings, standalone_mode=False)
        except click.ClickException as error:
            raise UsageError(error.format_message()) from None
        finally:
            _again.reset(mark)
        yield _read(out)


def _split(argv: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at:]


def _read(out: Path) -> dict[str, str]:
    if out.is_file():
        return {"": out.read_bytes().decode("utf-8")}
    found = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes().decode("utf-8") for path in found}
