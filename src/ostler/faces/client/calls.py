"""Every operation of the client, once: what it asks the server for, and what it returns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ostler.errors import DownloadFailed, DownloadTimeout
from ostler.faces.api.fit_schemas import Fitted, Recommended
from ostler.faces.api.schemas import Deployment, Estimated, Fleet, Loaded, Model, Pull
from ostler.faces.api.store_schemas import (
    Hits,
    KeptDetails,
    PullPlanned,
    Removed,
    Restored,
    StoreShown,
)
from ostler.faces.api.work_schemas import Work
from ostler.faces.client.steps import Ask, Rest, Steps, path, refusal

Messages = Sequence[Mapping[str, Any]]
OVER = ("available", "failed", "cancelled")
FIRST_LOOK, SELDOM = 0.1, 2.0  # seconds between two looks at a download, at first and at last


# --- models ---------------------------------------------------------------------------------


def list_models() -> Steps[list[Model]]:
    """Return every model that can be asked, with its state."""
    said = yield Ask("GET", "/v1/models")
    return [Model.model_validate(one) for one in said["data"]]


def download_model(
    model: str,
    *,
    wait: bool = True,
    wait_time_seconds: float = math.inf,
    token: str | None = None,
    on_progress: Callable[[Pull], object] | None = None,
) -> Steps[Pull]:
    """Have a model fetched and proven; with `wait`, return when it is available.

    Asked again, it joins what is under way. Raises DownloadFailed where it failed or was ended,
    DownloadTimeout after `wait_time_seconds`; the download goes on then, and `facts["status"]`
    says how it stood.
    """
    body = {"model": model} | ({"token": token} if token else {})
    until = time.monotonic() + wait_time_seconds
    found = Pull.model_validate((yield Ask("POST", "/api/pulls", body)))
    pause = FIRST_LOOK
    while wait and found.status not in OVER:
        if on_progress:
            on_progress(found)
        left = until - time.monotonic()
        if left <= 0:
            raise DownloadTimeout(
                f"{model} is still {found.status} after {wait_time_seconds:g} s.",
                hint="It goes on; ask again, or look: ostler downloads",
                status=found.status,
                done_bytes=found.done_bytes,
                total_bytes=found.total_bytes,
            )
        yield Rest(min(pause, left))
        pause = min(pause * 1.5, SELDOM)
        found = Pull.model_validate((yield Ask("GET", path("api/pulls", found.model))))
    if wait and found.status != "available":
        raise DownloadFailed(
            f"{model} was not downloaded: {found.why or found.status}.",
            hint="ostler pull shows it step by step.",
            status=found.status,
        )
    return found


def downloads() -> Steps[list[Pull]]:
    """Return what was asked for since the server started, with its progress."""
    said = yield Ask("GET", "/api/pulls")
    return [Pull.model_validate(one) for one in said]


def cancel_download(model: str) -> Steps[Pull]:
    """End a download; what has come stays, and the next one goes on with it."""
    return Pull.model_validate((yield Ask("DELETE", path("api/pulls", model))))


def plan_download(model: str, *, quantization: str | None = None, token: str | None = None
) -> Steps[PullPlanned]:  # fmt: skip
    """Say what a download would fetch, its licence and the room for it; nothing is fetched."""
    body = given(model=model, quantization=quantization, token=token)
    return PullPlanned.model_validate((yield Ask("POST", "/api/pulls/plan", body)))


# --- what is kept ---------------------------------------------------------------------------


def store() -> Steps[StoreShown]:
    """Return what is kept, with its sizes and licences, and the room on the disk."""
    return StoreShown.model_validate((yield Ask("GET", "/api/store")))


def model_details(model: str) -> Steps[KeptDetails]:
    """Return one kept model in full: files with hashes, shape, licence, downloads."""
    return KeptDetails.model_validate((yield Ask("GET", path("api/store", model))))


def verify_model(model: str, *, repair: bool = False, wait: bool = True) -> Steps[Work]:
    """Have every byte of a model read again; with `repair` damaged blocks are fetched anew.

    With `wait` it returns when that has ended. Raises DamagedModel then where bytes are wrong.
    """
    asked = Ask("POST", path("api/store", model, "verify"), {"repair": repair})
    found = Work.model_validate((yield asked))
    pause = FIRST_LOOK
    while wait and found.ended is None:
        yield Rest(pause)
        pause = min(pause * 1.5, SELDOM)
        found = Work.model_validate((yield Ask("GET", path("api/jobs", found.id))))
    if found.error:
        raise refusal(500, {"error": found.error})
    return found


def remove_model(
    model: str, *, dry_run: bool = False, purge: bool = False, force: bool = False
) -> Steps[Removed]:
    """Remove a model; the trash holds it for a while, unless `purge`."""
    flags = {"dry_run": dry_run, "purge": purge, "force": force}
    query = {name: "true" for name, wanted in flags.items() if wanted}
    asked = Ask("DELETE", path("api/store", model), query=query)
    return Removed.model_validate((yield asked))


def restore_model(model: str | None = None) -> Steps[Restored]:
    """Take the last removal back, of this model or of all."""
    asked = Ask("POST", "/api/trash/restore", given(model=model))
    return Restored.model_validate((yield asked))


def jobs() -> Steps[list[Work]]:
    """Return the work on models that runs or has ended, the newest first."""
    return [Work.model_validate(one) for one in (yield Ask("GET", "/api/jobs"))]


def cancel_job(id: str) -> Steps[Work]:
    """End a piece of work."""
    return Work.model_validate((yield Ask("DELETE", path("api/jobs", id))))


# --- what could be --------------------------------------------------------------------------


def search(words: str, *, limit: int = 20) -> Steps[Hits]:
    """Find models by words, those kept here first."""
    said = yield Ask("GET", "/api/search", query={"words": words, "limit": limit})
    return Hits.model_validate(said)


def fit(model: str, **load: Any) -> Steps[Fitted]:
    """Say what a model needs in memory, term by term, and where it fits.

    `load` is what it is to carry: gpu, tensor_parallel, quantization, what_if, context, sequences,
    kv_dtype, engine, margin_percent.
    """
    return Fitted.model_validate((yield Ask("POST", "/api/fits", {"model": model, **load})))


def recommend(task: str, **limits: Any) -> Steps[Recommended]:
    """Say which model to take for a task, on which rented GPU, within `limits`.

    These are context, sequences, budget (US dollars an hour), hours, providers, spot, most_gpus.
    """
    said = yield Ask("POST", "/api/recommendations", {"task": task, **limits})
    return Recommended.model_validate(said)


def given(**values: Any) -> dict[str, Any]:
    """Return what is not None."""
    return {name: value for name, value in values.items() if value is not None}


# --- what runs ------------------------------------------------------------------------------


def load(model: str) -> Steps[Loaded]:
    """Load a model and return when it is ready."""
    return Loaded.model_validate((yield Ask("POST", path("api/models", model, "load"))))


def unload(model: str, *, force: bool = False) -> Steps[Loaded]:
    """Stop a model when its requests have ended; with `force`, at once."""
    query = {"force": "true"} if force else None
    asked = Ask("POST", path("api/models", model, "unload"), query=query)
    return Loaded.model_validate((yield asked))


def deploy_model(model: str, *, wait: bool = True, **wish: Any) -> Steps[Deployment]:
    """Wish a model as given (replicas, context, sequences, engine, pool, pinned) and load it."""
    said = yield Ask("POST", "/api/deployments", {"model": model, "wait": wait, **wish})
    return Deployment.model_validate(said)


def deployments() -> Steps[list[Deployment]]:
    """Return the models that are loaded, on their way, pinned, or wished otherwise."""
    said = yield Ask("GET", "/api/deployments")
    return [Deployment.model_validate(one) for one in said]


def fleet() -> Steps[Fleet]:
    """Return devices with their room, models with their engines, and warnings."""
    return Fleet.model_validate((yield Ask("GET", "/api/fleet")))


def estimate(
    model: str,
    *,
    context: int | None = None,
    sequences: int | None = None,
    kv_dtype: str | None = None,
    engine: str | None = None,
) -> Steps[Estimated]:
    """Say what a deployment would need, the room on the best device, and whether it fits."""
    body = given(
        model=model, context=context, sequences=sequences, kv_dtype=kv_dtype, engine=engine
    )
    return Estimated.model_validate((yield Ask("POST", "/api/estimates", body)))


# --- answers --------------------------------------------------------------------------------


def chat(model: str, messages: str | Messages, **options: Any) -> Steps[str]:
    """Return a chat model's answer. A text stands for one message of the user."""
    said = yield Ask("POST", "/v1/chat/completions", chat_body(model, messages, options))
    return str(said["choices"][0]["message"].get("content") or "")


def complete(model: str, prompt: str, **options: Any) -> Steps[str]:
    """Return how a model goes on with a text."""
    said = yield Ask("POST", "/v1/completions", {"model": model, "prompt": prompt, **options})
    return str(said["choices"][0]["text"])


def embed(model: str, texts: str | Sequence[str]) -> Steps[list[list[float]]]:
    """Return one vector for each text, in their order."""
    wanted = [texts] if isinstance(texts, str) else list(texts)
    body = {"model": model, "input": wanted, "encoding_format": "float"}
    said = yield Ask("POST", "/v1/embeddings", body)
    rows = sorted(said["data"], key=lambda one: int(one["index"]))
    return [list(map(float, one["embedding"])) for one in rows]


def rerank(model: str, query: str, documents: Sequence[str]) -> Steps[list[float]]:
    """Return each document's relevance to the query, 0 to 1, in the documents' order."""
    body = {"model": model, "query": query, "documents": list(documents)}
    said = yield Ask("POST", "/v1/rerank", body)
    scores = {int(one["index"]): float(one["relevance_score"]) for one in said["results"]}
    return [scores[number] for number in range(len(documents))]


def chat_body(model: str, messages: str | Messages, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a chat request."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return {"model": model, "messages": list(messages), **options}


# --- keys and history -----------------------------------------------------------------------


def create_key(name: str, **grants: Any) -> Steps[str]:
    """Make a key and return it; the server keeps only its hash."""
    said = yield Ask("POST", "/api/keys", {"name": name, **grants})
    return str(said["key"])


def list_keys() -> Steps[list[dict[str, Any]]]:
    """Return the keys' names, roles, grants and limits."""
    return list((yield Ask("GET", "/api/keys")))


def rotate_key(name: str) -> Steps[str]:
    """Replace a key and return the new one; the old one ends at once."""
    return str((yield Ask("POST", path("api/keys", name, "rotate")))["key"])


def revoke_key(name: str) -> Steps[None]:
    """End a key."""
    yield Ask("DELETE", path("api/keys", name))


def history(*, hours: float = 24.0) -> Steps[list[dict[str, Any]]]:
    """Return who did what, when and why."""
    return list((yield Ask("GET", "/api/audit", query={"hours": hours})))
