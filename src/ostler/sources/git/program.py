"""Run git, with nothing of the caller's settings that could ask, run or fetch more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ostler.errors import EngineUnsupported, HubUnreachable, OstlerError

PATIENCE = 600.0  # seconds for one command; a repository's small files are all that it fetches
TRANSPORTS = ("http", "https", "ssh", "file")  # git's own `ext` would run a program


class GitFailed(Exception):
    """git ended with an error; its own words."""


def run(folder: Path, *words: str, told: bytes = b"") -> bytes:
    """Return what git prints. Raises GitFailed, and EngineUnsupported where there is no git."""
    try:
        done = subprocess.run(
            [*_argv(folder), *words],
            input=told,
            capture_output=True,
            env=_env(),
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise no_git() from None
    except subprocess.TimeoutExpired:
        raise HubUnreachable(f"git {words[0]} did not end in {PATIENCE:.0f} seconds.") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitFailed(lines[-1] if lines else f"status {done.returncode}")
    return done.stdout


@contextmanager
def printing(folder: Path, *words: str) -> Iterator[IO[bytes]]:
    """Give what git prints as it comes; it is ended where nobody reads on."""
    with subprocess.Popen([*_argv(folder), *words], stdout=subprocess.PIPE, env=_env()) as git:
        assert git.stdout is not None
        try:
            yield git.stdout
        finally:
            git.kill()


def no_git() -> OstlerError:
    """Return the refusal where git is not installed."""
    return EngineUnsupported(
        "This source needs git, and there is none on this machine.",
        hint="Install git, for example `apt-get install git`.",
    )


def _argv(folder: Path) -> list[str]:
    allowed = [word for one in TRANSPORTS for word in ("-c", f"protocol.{one}.allow=always")]
    return ["git", "-C", str(folder), "-c", "protocol.allow=never", *allowed]


def _env() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
