"""Operate a server from Python: the control API's operations as calls.

from ostler.client import Client

with Client("http://127.0.0.1:8077") as ostler:
    ostler.download_model("Qwen/Qwen2.5-0.5B-Instruct-GGUF", wait=True)
    ostler.deploy_model("Qwen/Qwen2.5-0.5B-Instruct-GGUF")

Answers are dictionaries as `/openapi.json` describes them. What the server refuses is raised as the
error of `ostler.errors` that its code names. Models themselves are asked by any OpenAI client.
"""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2

from ostler.errors import (
    DownloadFailed,
    DownloadTimeout,
    OstlerError,
    ServerNotRunning,
    from_code,
)

DEFAULT = "http://127.0.0.1:8077"
LOOK_EVERY = 0.5  # seconds between two looks at a download
LOAD_SECONDS = 3600.0  # a large model takes minutes to load
Answer = dict[str, Any]


class Client:
    """One server. Not for use by several threads at once."""

    def __init__(self, url: str = "", key: str = "", timeout: float = 90.0) -> None:
        """`url` is also OSTLER_URL, `key` also OSTLER_API_KEY; `timeout` is in seconds."""
        key = key or os.environ.get("OSTLER_API_KEY", "")
        self._http = httpx2.Client(
            base_url=url or os.environ.get("OSTLER_URL", DEFAULT),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- models and downloads ---------------------------------------------------------------

    def list_models(self) -> list[Answer]:
        """Return every model that can be asked for, with its state."""
        return list(self._ask("GET", "/v1/models")["data"])

    def download_model(
        self, model: str, *, token: str = "", wait: bool = False, wait_time_seconds: float = 60.0
    ) -> Answer:
        """Have a model fetched; return how far that is.

        With `wait`, return when it is there. Raises DownloadTimeout with the last status if it is
        not in time, and DownloadFailed.
        """
        wanted = {"model": model, **({"token": token} if token else {})}
        until = time.monotonic() + wait_time_seconds
        while True:
            found: Answer = self._ask("POST", "/api/pulls", json=wanted)
            status = found["status"]
            if not wait or status == "available":
                return found
            if status in ("failed", "cancelled"):
                why = found["why"] or status
                raise DownloadFailed(f"{model} could not be fetched: {why}", last=found)
            if time.monotonic() >= until:
                raise DownloadTimeout(
                    f"{model} was not there after {wait_time_seconds:g} s; it is {status}.",
                    hint="It goes on; ask again, or wait longer.",
                    last=found,
                )
            time.sleep(min(LOOK_EVERY, max(until - time.monotonic(), 0)))

    def list_downloads(self) -> list[Answer]:
        """Return what was asked for since the server started, with its progress."""
        return list(self._ask("GET", "/api/pulls"))

    def cancel_download(self, model: str) -> Answer:
        """End a download; what has come stays."""
        return dict(self._ask("DELETE", f"/api/pulls/{_part(model)}"))

    # --- deployments --------------------------------------------------------------------------

    def deploy_model(self, model: str, *, wait: bool = True, **wish: Any) -> Answer:
        """Load a model, with `context`, `replicas`, `pinned` and the like wished for it."""
        wanted = {"model": model, "wait": wait, **wish}
        return dict(self._ask("POST", "/api/deployments", json=wanted, timeout=LOAD_SECONDS))

    def list_deployments(self) -> list[Answer]:
        """Return the models that are loaded, on their way, or wished to be."""
        return list(self._ask("GET", "/api/deployments"))

    def stop_deployment(self, model: str, *, force: bool = False) -> Answer:
        """Unpin and stop a model when its requests have ended; with `force`, at once."""
        path = f"/api/deployments/{_part(model)}"
        params = {"force": force}
        return dict(self._ask("DELETE", path, params=params, timeout=LOAD_SECONDS))

    def estimate(self, model: str, **wanted: Any) -> Answer:
        """Return what a deployment would need, the room there is, and whether it fits."""
        return dict(self._ask("POST", "/api/estimates", json={"model": model, **wanted}))

    # --- the server ---------------------------------------------------------------------------

    def fleet(self) -> Answer:
        """Return the devices with their room, and everything that runs."""
        return dict(self._ask("GET", "/api/fleet"))

    def audit(self, hours: float = 24.0) -> list[Answer]:
        """Return who did what, oldest first."""
        return list(self._ask("GET", "/api/audit", params={"hours": hours}))

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except httpx2.TransportError as error:
            raise ServerNotRunning(
                f"The server at {self._http.base_url} does not answer: {error}.",
                hint="`ostler serve` starts one.",
            ) from None
        if answer.is_success:
            return answer.json()
        raise _refusal(answer)


def _refusal(answer: httpx2.Response) -> OstlerError:
    try:
        error = answer.json()["error"]
        return from_code(str(error["code"]), str(error["message"]), str(error.get("hint") or ""))
    except (ValueError, KeyError, TypeError):
        return OstlerError(f"The server answered {answer.status_code}.")


def _part(model: str) -> str:
    return quote(model, safe="/")
