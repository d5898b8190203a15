"""`ostler stop`: stop a model, or the server."""

from __future__ import annotations

from typing import Any

import click

from ostler.core.fleet import REPLICA
from ostler.errors import UsageError
from ostler.faces.cli import options, server, show
from ostler.faces.server.address import Found
from ostler.settings import Settings


@click.command("stop")
@click.argument("model", required=False)
@click.option("--repo", metavar="ORG/NAME", help="Stop every model of this repository that runs.")
@click.option("--all", "everything", is_flag=True, help="Stop the server and all its models.")
@click.option("--force", is_flag=True, help="Break off requests that are under way.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, repo: str | None, everything: bool, force: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Stop a model when its requests have ended, or the whole server.

    \b
    ostler stop Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler stop --repo Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler stop --all
    """
    if [bool(model), bool(repo), everything].count(True) != 1:
        raise UsageError("Name a model, a --repo, or --all for the server.", hint="ostler ps")
    found = server.needed(settings)
    if repo:
        _stop_all_of(found, repo, force, as_json)
        return
    if everything:
        answer = server.ask(found, "POST", "/api/server/stop")
        said = "The server is stopping."
    else:
        answer = _unload(found, str(model), force)
        said = _said(answer)
    if as_json:
        show.as_json(answer)
    else:
        show.line(said)


def _stop_all_of(found: Found, repo: str, force: bool, as_json: bool) -> None:
    """Stop each running model of a repository, whatever its quantization or commit."""
    running = {one["id"].partition(REPLICA)[0] for one in server.ask(found, "GET", "/api/models")}
    names = sorted(one for one in running if repo == one.partition("#")[0].partition("@")[0])
    answers = [_unload(found, name, force) for name in names]
    if as_json:
        show.as_json(answers)
        return
    for answer in answers:
        show.line(_said(answer))
    if not answers:
        show.note(f"No model of {repo} runs.")


def _unload(found: Found, model: str, force: bool) -> dict[str, Any]:
    path = server.model_path(model, "unload") + ("?force=true" if force else "")
    answer: dict[str, Any] = server.ask(found, "POST", path)
    return answer


def _said(answer: dict[str, Any]) -> str:
    said = f"{answer['id']} is {answer['state']}."
    if answer["state"] == "draining":
        said += " It ends with its last request; --force ends it now."
    return said
