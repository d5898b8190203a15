"""The client, for callers that wait and for callers that await, from one source (calls.py)."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from ostler.core.reasons import root_cause
from ostler.errors import ServerNotRunning
from ostler.faces.client import calls
from ostler.faces.client.calls import Messages
from ostler.faces.client.lines import Pieces
from ostler.faces.client.place import PATIENCE, Place, place
from ostler.faces.client.steps import Ask, Rest, Steps, read, refusal

P = ParamSpec("P")
T = TypeVar("T")


def _now(operation: Callable[P, Steps[T]]) -> Callable[Concatenate[Ostler, P], T]:
    """Return an operation as a method that waits for its result."""

    @wraps(operation)
    def method(self: Ostler, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._carry_out(operation(*args, **kwargs))

    return method


def _soon(operation: Callable[P, Steps[T]]) -> Callable[Concatenate[AsyncOstler, P], Awaitable[T]]:
    """Return an operation as a coroutine."""

    @wraps(operation)
    async def method(self: AsyncOstler, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._carry_out(operation(*args, **kwargs))

    return method


class _Found:
    """What both clients are made from: where the server is, and a way to it."""

    _open: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        home: str | os.PathLike[str] | None = None,
        timeout: float = PATIENCE,
    ) -> None:
        """Find the server. Raises ServerNotRunning where there is none."""
        self.place = place(base_url, api_key, home)
        self._http = self._open(**_options(self.place, timeout))


class Ostler(_Found):
    """A running server, asked by threads.

    Without arguments it is the server that runs on this machine for this user. Every method
    raises the refusal that the server names, as in `ostler.errors`.
    """

    _open = httpx2.Client
    _http: httpx2.Client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    list_models = _now(calls.list_models)
    download_model = _now(calls.download_model)
    downloads = _now(calls.downloads)
    cancel_download = _now(calls.cancel_download)
    plan_download = _now(calls.plan_download)
    store = _now(calls.store)
    model_details = _now(calls.model_details)
    verify_model = _now(calls.verify_model)
    remove_model = _now(calls.remove_model)
    restore_model = _now(calls.restore_model)
    jobs = _now(calls.jobs)
    cancel_job = _now(calls.cancel_job)
    search = _now(calls.search)
    fit = _now(calls.fit)
    recommend = _now(calls.recommend)
    load = _now(calls.load)
    unload = _now(calls.unload)
    deploy_model = _now(calls.deploy_model)
    deployments = _now(calls.deployments)
    fleet = _now(calls.fleet)
    estimate = _now(calls.estimate)
    chat = _now(calls.chat)
    complete = _now(calls.complete)
    embed = _now(calls.embed)
    rerank = _now(calls.rerank)
    create_key = _now(calls.create_key)
    list_keys = _now(calls.list_keys)
    rotate_key = _now(calls.rotate_key)
    revoke_key = _now(calls.revoke_key)
    history = _now(calls.history)

    def stream(self, model: str, messages: str | Messages, **options: Any) -> Iterator[str]:
        """Yield a chat model's answer piece by piece; leaving early tells the engine to stop."""
        body = calls.chat_body(model, messages, {**options, "stream": True})
        pieces = Pieces()
        try:
            with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
                if answer.status_code >= 400:
                    read(answer.status_code, answer.read())
                for data in answer.iter_bytes():
                    yield from pieces.feed(data)
        except httpx2.HTTPError as error:
            raise _gone(self.place, error) from error
        if not pieces.ended:
            raise refusal(502, {"error": {"message": "The answer broke off."}})

    def _carry_out(self, steps: Steps[T]) -> T:
        said: Any = None
        try:
            while True:
                step = steps.send(said)
                said = None
                if isinstance(step, Rest):
                    time.sleep(step.seconds)
                else:
                    answer = self._http.request(step.method, step.path, **_sent(step))
                    said = read(answer.status_code, answer.content)
        except StopIteration as ended:
            result: T = ended.value
            return result
        except httpx2.HTTPError as error:
            raise _gone(self.place, error) from error


class AsyncOstler(_Found):
    """A running server, asked with asyncio; as `Ostler` in everything else."""

    _open = httpx2.AsyncClient
    _http: httpx2.AsyncClient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    list_models = _soon(calls.list_models)
    download_model = _soon(calls.download_model)
    downloads = _soon(calls.downloads)
    cancel_download = _soon(calls.cancel_download)
    plan_download = _soon(calls.plan_download)
    store = _soon(calls.store)
    model_details = _soon(calls.model_details)
    verify_model = _soon(calls.verify_model)
    remove_model = _soon(calls.remove_model)
    restore_model = _soon(calls.restore_model)
    jobs = _soon(calls.jobs)
    cancel_job = _soon(calls.cancel_job)
    search = _soon(calls.search)
    fit = _soon(calls.fit)
    recommend = _soon(calls.recommend)
    load = _soon(calls.load)
    unload = _soon(calls.unload)
    deploy_model = _soon(calls.deploy_model)
    deployments = _soon(calls.deployments)
    fleet = _soon(calls.fleet)
    estimate = _soon(calls.estimate)
    chat = _soon(calls.chat)
    complete = _soon(calls.complete)
    embed = _soon(calls.embed)
    rerank = _soon(calls.rerank)
    create_key = _soon(calls.create_key)
    list_keys = _soon(calls.list_keys)
    rotate_key = _soon(calls.rotate_key)
    revoke_key = _soon(calls.revoke_key)
    history = _soon(calls.history)

    async def stream(
        self, model: str, messages: str | Messages, **options: Any
    ) -> AsyncIterator[str]:
        """Yield a chat model's answer piece by piece; leaving early tells the engine to stop."""
        body = calls.chat_body(model, messages, {**options, "stream": True})
        pieces = Pieces()
        try:
            async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
                if answer.status_code >= 400:
                    read(answer.status_code, await answer.aread())
                async for data in answer.aiter_bytes():
                    for piece in pieces.feed(data):
                        yield piece
        except httpx2.HTTPError as error:
            raise _gone(self.place, error) from error
        if not pieces.ended:
            raise refusal(502, {"error": {"message": "The answer broke off."}})

    async def _carry_out(self, steps: Steps[T]) -> T:
        said: Any = None
        try:
            while True:
                step = steps.send(said)
                said = None
                if isinstance(step, Rest):
                    await asyncio.sleep(step.seconds)
                else:
                    answer = await self._http.request(step.method, step.path, **_sent(step))
                    said = read(answer.status_code, answer.content)
        except StopIteration as ended:
            result: T = ended.value
            return result
        except httpx2.HTTPError as error:
            raise _gone(self.place, error) from error


def _options(place: Place, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "base_url": place.url,
        "headers": place.headers,
        "timeout": httpx2.Timeout(timeout, connect=10.0),
    }
    if place.ca:
        context = ssl.create_default_context(cafile=place.ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False  # the certificate is the server's very own
        options["verify"] = context
    return options


def _sent(asked: Ask) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    if asked.body is not None:
        sent["json"] = dict(asked.body)
    if asked.query:
        sent["params"] = dict(asked.query)
    return sent


def _gone(place: Place, error: Exception) -> ServerNotRunning:
    return ServerNotRunning(
        f"The server at {place.url} does not answer: {root_cause(error)}.",
        hint="`ostler serve` starts one.",
    )
