"""`ostler pull -f FILE`: every model of a list, each with its result."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.core.reasons import why
from ostler.errors import FileNotInRepo, OstlerError, UsageError
from ostler.faces.cli import show


def each(ctx: click.Context, model: str | None, file: str | None) -> None:
    """Pull what each line names; one that fails does not stop the others.

    Lines that are empty or begin with # say nothing. Raises OstlerError where one failed.
    """
    if file is None or model is not None:
        raise UsageError("Name one model, or a file with -f.", hint="ostler pull --help")
    results = [(one, _result(ctx, one)) for one in _lines(file)]
    if ctx.params["as_json"]:
        show.event({"event": "list", "models": [_entry(*result) for result in results]})
    elif not ctx.params["quiet"]:
        rows = [(one, "failed" if error else "ok", error.what if error else "")
                for one, error in results]  # fmt: skip
        show.table(("MODEL", "RESULT", "WHY"), rows)
    failed = [one for one, error in results if error]
    if failed and ctx.params["as_json"]:
        raise SystemExit(OstlerError.exit_code)
    if failed:
        raise OstlerError(
            f"{len(failed)} of {len(results)} failed: {', '.join(failed)}.",
            hint="Run the same command again: what is here is not fetched twice.",
        )


def _lines(file: str) -> list[str]:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileNotInRepo(f"{file} cannot be read: {why(error)}.") from error
    named = [one for line in lines if (one := line.split(" #")[0].strip()) and one[0] != "#"]
    if not named:
        raise UsageError(
            f"{file} names no model.", hint="Write one in each line, such as org/name#q4_k_m."
        )
    return named


def _result(ctx: click.Context, model: str) -> OstlerError | None:
    try:
        ctx.invoke(ctx.command, **{**ctx.params, "model": model, "listed": None})
    except OstlerError as error:
        return error
    return None


def _entry(model: str, error: OstlerError | None) -> dict[str, object]:
    return {"model": model, "ok": error is None, "error": error.as_dict() if error else None}
