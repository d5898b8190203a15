"""What a hub's refusal means, as our errors: which sentence, which next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from huggingface_hub import errors as hub
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

from ostler.core.reasons import root_cause
from ostler.errors import (
    AuthRequired,
    FileNotInRepo,
    GatedRepo,
    HubUnreachable,
    ModelNotFound,
    OstlerError,
    RevisionNotFound,
    TokenRejected,
)

LOGIN = "`hf auth login` or HF_TOKEN gives a token."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for when the hub refused."""

    endpoint: str
    name: str
    revision: str | None
    path: str | None
    with_token: bool


def raise_for_status(response: httpx2.Response, explain: Callable[[Exception], Exception]) -> None:
    """Raise one of our errors unless the answer is a success."""
    try:
        hf_raise_for_status(response)
    except httpx2.HTTPError as error:
        raise explain(error) from error
    if not response.is_success:  # a redirect without a target; its meaning is unknown
        raise explain(httpx2.RemoteProtocolError(f"status {response.status_code}"))


def explain(asked: Asked, error: Exception) -> OstlerError:
    """Return our error for one of huggingface_hub's or of its HTTP client's."""
    where = {"endpoint": asked.endpoint, "repo": asked.name}
    if isinstance(error, hub.OfflineModeIsEnabled):
        return HubUnreachable(
            f"HF_HUB_OFFLINE is set, so {asked.endpoint} was not asked.",
            hint="Unset HF_HUB_OFFLINE, or use what `ostler ls` lists.",
            **where,
        )
    if isinstance(error, hub.GatedRepoError):
        return _gated(asked, where)
    if isinstance(error, hub.RevisionNotFoundError):
        return RevisionNotFound(
            f"{asked.name} has no branch, tag or commit {asked.revision!r}.",
            hint=f"{asked.endpoint}/{asked.name}/tree/main shows its branches and tags.",
            **where,
        )
    if isinstance(error, hub.EntryNotFoundError):
        return FileNotInRepo(
            f"{asked.name} has no file {asked.path} at {asked.revision}.",
            hint=f"`ostler files {asked.name}` lists what is there.",
            **where,
        )
    if isinstance(error, hub.HfHubHTTPError):
        return _by_status(asked, where, error)
    return _no_answer(asked, where, error)


def _gated(asked: Asked, where: dict[str, str]) -> GatedRepo:
    page = f"{asked.endpoint}/{asked.name}"
    who = "this token has not got it" if asked.with_token else "no token was sent"
    return GatedRepo(
        f"{asked.name} needs its owner's consent, and {who}.",
        hint=f"Ask for access at {page}. {LOGIN}",
        url=page,
        **where,
    )


def _by_status(asked: Asked, where: dict[str, str], error: hub.HfHubHTTPError) -> OstlerError:
    response = error.response
    status, said = response.status_code, response.headers.get("X-Error-Message", "")
    coded = "X-Error-Code" in response.headers
    if status == 401 and asked.with_token and not coded:
        return TokenRejected(
            f"{asked.endpoint} does not accept the token.",
            hint="`hf auth whoami` tests it; `hf auth login` replaces it.",
            **where,
        )
    if isinstance(error, hub.RepositoryNotFoundError | hub.DisabledRepoError) or status == 404:
        hidden = "" if asked.with_token else f" A private one needs a token: {LOGIN}"
        return ModelNotFound(
            f"There is no model {asked.name} at {asked.endpoint}, or it is not for you to see.",
            hint=f"Check the name: `ostler search {asked.name.rpartition('/')[2]}`.{hidden}",
            **where,
        )
    if status == 401:
        return AuthRequired(
            f"{asked.endpoint} shows {asked.name} to nobody without a token, or has no such model.",
            hint=f"Check the name. {LOGIN}",
            **where,
        )
    if status == 403:
        return TokenRejected(
            f"{asked.endpoint} refuses {asked.name} to this token: {said or 'no reason given'}.",
            hint="Give the token the right to read this repository, or use another one.",
            **where,
        )
    return _out_of_order(asked, response, status)


def _out_of_order(asked: Asked, response: httpx2.Response, status: int) -> HubUnreachable:
    wait = retry_after(response.headers.get("Retry-After"))
    then = f" It asks to wait {wait:.0f} seconds." if wait is not None else ""
    cause = "too many requests" if status == 429 else "it is out of order"
    return HubUnreachable(
        f"{asked.endpoint} answered {status} ({cause}).{then}",
        hint="Run the same command again later: it goes on where it stopped.",
        endpoint=asked.endpoint,
        repo=asked.name,
        status=status,
        retry_after=wait,
    )


def _no_answer(asked: Asked, where: dict[str, str], error: Exception) -> HubUnreachable:
    cause = root_cause(error)
    what = f"sent no more of {asked.path}" if asked.path else "did not answer"
    return HubUnreachable(
        f"{asked.endpoint} {what}: {cause}.",
        hint="Check the network and HF_ENDPOINT, then run the same command again: it goes on "
        "where it stopped.",
        **where,
    )


def retry_after(text: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its two forms."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds()) if when.tzinfo else None
