"""What `ostler serve --print-unit user` prints: the same command, as a unit of systemd."""

from __future__ import annotations

import getpass
import pwd
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from ostler.exporters.service import SECRETS, service
from ostler.faces.cli import show
from ostler.settings import FILE, Settings

OURS = "print_unit"  # the option that asks for it, which the unit does not repeat
SECRET = ("database",)  # settings whose value may hold a password


def show_unit(ctx: click.Context, settings: Settings, way: str) -> None:
    """Print the unit, and on stderr what it leaves to be done."""
    home = settings.home.absolute()
    argv = (sys.executable, "-m", "ostler", "serve", *_words(ctx))
    user = _owner(home) if way == "system" else None
    log = ctx.params["access_log"]
    writes = (str(log.absolute().parent),) if log else ()
    drain = ctx.params["drain"]
    env = _environment(settings, home)
    text = service(argv, env, str(home), user, drain=drain, writes=writes)
    click.echo(text, nl=False)
    if not home.is_dir():
        show.note(
            f"{home} must be there before it starts: mkdir -m 700 -p {shlex.quote(str(home))}"
        )
    if user == "root":
        show.note("It would run as root. A user of its own, who owns the home, is safer.")
    for name in SECRET:
        if settings.origins[name] not in ("default", FILE):
            show.note(f"OSTLER_{name.upper()} is not in the unit; write it to {home / SECRETS}")


def _words(ctx: click.Context) -> Iterator[str]:
    """Yield the options as they were given, with paths that hold from any folder."""
    for option in ctx.command.params:
        name = option.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name != OURS:
            value = ctx.params[name]
            if isinstance(option, click.Option) and option.is_flag:
                yield option.opts[0]
                continue
            for one in value if isinstance(value, tuple) else (value,):
                yield option.opts[0]
                yield str(one.absolute()) if isinstance(one, Path) else f"{one}"


def _environment(settings: Settings, home: Path) -> dict[str, str]:
    """Return the settings that came from the environment, which a unit would not see."""
    found = {"OSTLER_HOME": str(home)}
    for name, origin in settings.origins.items():
        if origin not in ("default", FILE, "flag") and name not in ("home", *SECRET):
            found[f"OSTLER_{name.upper()}"] = str(getattr(settings, name))
    return found


def _owner(home: Path) -> str:
    """Return whose the home is, or who asks where it is not there yet."""
    try:
        return pwd.getpwuid(home.stat().st_uid).pw_name
    except (OSError, KeyError):
        return getpass.getuser()
