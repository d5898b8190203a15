"""Questions to whoever sits at the terminal; without one nothing is asked, and nothing is done."""

from __future__ import annotations

import sys
from typing import Any

import click

from ostler.errors import UsageError


def confirm(question: str, otherwise: str, hint: str, **facts: Any) -> None:
    """Ask, and end the command with a no. Raises UsageError where there is no terminal.

    `otherwise` says what is left undone. Question and answer are no part of the output.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"There is no terminal to ask on, so {otherwise}.", hint=hint, **facts)
    click.confirm(question, abort=True, err=True)
