"""The calls of Lamini's Python client, over a server of ours.

Code that says `from lamini import Lamini` goes on with `from ostler import Lamini`. Where theirs
returned silently when a wait had run out, this raises, as everything here does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ostler.errors import DownloadFailed, DownloadTimeout, UsageError
from ostler.faces.client import client
from ostler.faces.client.steps import Ask, Rest, Steps

EVERY = 1.0  # seconds between two looks, as Lamini's client


@dataclass(frozen=True, slots=True)
class DownloadedModel:
    """One model as `downloaded_models` lists it; times are seconds since 1970."""

    model_name: str
    model_type: str = "transformer"
    status: str = "requested"  # downloading, available, failed
    model_id: str = ""
    user_id: str | None = None
    is_public: bool = True
    creation_ts: int | None = None
    prev_download_ts: int | None = None
    prev_download_error: str | None = None
    download_attempts: int = 0


class Lamini:
    """Lamini's client: `download_model`, `list_models`, `generate`.

    The address is `api_url`, else LAMINI_API_URL, else that of the server of this machine; the
    key is `api_key`, else LAMINI_API_KEY.
    """

    def __init__(
        self,
        model_name: str | None = None,
        api_key: str | None = None,
        api_url: str | None = None,
        model_type: str = "transformer",
    ) -> None:
        """Find the server. Raises ServerNotRunning where there is none."""
        self.model_name, self.model_type = model_name, str(model_type)
        self._client = client.Ostler(
            api_url or os.environ.get("LAMINI_API_URL"),
            api_key or os.environ.get("LAMINI_API_KEY"),
        )

    def download_model(
        self,
        model_name: str | None = None,
        model_type: str | None = None,
        wait: bool = False,
        wait_time_seconds: float = 60,
    ) -> DownloadedModel:
        """Have a model downloaded; with `wait`, return when it is available.

        Raises DownloadFailed, and DownloadTimeout with the last status in its facts.
        """
        name = self._named(model_name)
        kind = str(model_type or self.model_type)
        return self._client._carry_out(_downloaded(name, kind, wait, wait_time_seconds))

    def list_models(self) -> list[DownloadedModel]:
        """Return the models that are here and those that were asked for."""
        return self._client._carry_out(_listed())

    def generate(
        self,
        prompt: str | list[str],
        model_name: str | None = None,
        max_new_tokens: int | None = None,
    ) -> str | list[str]:
        """Return what the model makes of a prompt, or of each of several."""
        name = self._named(model_name)
        options = {"max_tokens": max_new_tokens} if max_new_tokens else {}
        if isinstance(prompt, str):
            return self._client.complete(name, prompt, **options)
        return [self._client.complete(name, one, **options) for one in prompt]

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _named(self, name: str | None) -> str:
        wanted = name or self.model_name
        if not wanted:
            raise UsageError("Which model is not said.", hint="Lamini(model_name=...)")
        return wanted


def _downloaded(name: str, kind: str, wait: bool, seconds: float) -> Steps[DownloadedModel]:
    body = {"hf_model_name": name, "model_type": kind}
    waited = 0.0
    while True:
        said = yield Ask("POST", "/v1alpha/downloaded_models/", body)
        found = DownloadedModel(said["model_name"], said["model_type"], said["status"])
        if not wait or found.status == "available":
            return found
        if found.status == "failed":
            told = {one.model_name: one for one in (yield from _listed())}
            why = told[name].prev_download_error if name in told else None
            raise DownloadFailed(
                f"{name} was not downloaded: {why or 'it failed'}.", status="failed"
            )
        if waited >= seconds:
            raise DownloadTimeout(
                f"{name} is still {found.status} after {seconds:g} s.",
                hint="It goes on; ask again.",
                status=found.status,
            )
        pause = min(EVERY, seconds - waited)
        waited += pause
        yield Rest(pause)


def _listed() -> Steps[list[DownloadedModel]]:
    said = yield Ask("GET", "/v1alpha/downloaded_models")
    known = DownloadedModel.__slots__
    return [
        DownloadedModel(**{name: one.get(name) for name in known if name in one}) for one in said
    ]
