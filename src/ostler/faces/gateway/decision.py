"""What one request asks for, or why it gets nothing; pure."""

from __future__ import annotations

from typing import NamedTuple

from ostler.core.lengths import Member, order, tokens_of
from ostler.core.sizes import counted
from ostler.faces.gateway import browsers, form
from ostler.faces.gateway.body import model_of
from ostler.faces.gateway.messages import Fault, Model
from ostler.faces.gateway.prompts import answer_of, head_of
from ostler.faces.gateway.request import Refusal, Request, flaw, refusal, type_of
from ostler.faces.gateway.routing import By, Routes, Way, way

NAMES_SHOWN = 20  # enough to see a misspelling, little enough to read
PULL = "`ostler ls` shows the models kept here, `ostler pull NAME` fetches another."


class Asked(NamedTuple):
    """A model's id, and the name by which the body calls it (None: the body names none)."""

    id: str
    spelt: str | None


def admit(routes: Routes, request: Request) -> Refusal | None:
    """Read the head: set the request's way, return why it is refused before its body is read."""
    wrong = flaw(request, routes.limits)
    if wrong is not None:
        return wrong
    request.way = way(request.method, request.target)
    if request.way is None or request.method == b"CONNECT":
        return refusal(400, "bad_request", "The request's target is no path.", close=True)
    if browsers.is_question(request):
        return _question(routes, request)
    request.permits = browsers.permission(request, routes.limits)
    request.opens_tunnel = request.way.is_page and request.offers_websocket()
    if not routes.needs_key:
        return browsers.stranger(request, routes.limits)
    if request.way.is_page and (wrong := browsers.forged(request, routes.limits)):
        return wrong
    if request.way.guarded:
        request.caller = routes.caller(request.key())
    if request.way.guarded and request.caller is None:
        return refusal(
            401,
            "auth_required",
            "This address needs a key, and the request brought none that it knows.",
            hint="Send `Authorization: Bearer KEY`; `ostler keys create NAME` makes one.",
        )
    return None


def _question(routes: Routes, request: Request) -> Refusal | None:
    """A browser asks what a page may send: that is answered here, and needs no key."""
    request.permits = browsers.permission(request, routes.limits)
    if not request.permits:
        return browsers.foreign(request)
    request.way = Way(By.NOTHING, False, request.target)
    request.permits += browsers.permitted(request)
    request.is_question = True
    return None


def decide(routes: Routes, way: Way, body: bytes, kind: bytes = b"") -> Refusal | Asked:
    """Return which model is asked for. The way is one that names a model; `kind` is the body's."""
    try:
        spelt = form.model_of(kind, body) if form.is_form(kind) else model_of(body)
    except ValueError as error:
        if way.by is By.BODY:
            what = "form" if form.is_form(kind) else "JSON object"
            return refusal(400, "bad_json", f"The body is no {what} with a model: {error}.")
        spelt = None
    name = way.model if way.by is By.PATH else spelt
    if not name:
        return no_model(routes)
    id = routes.id_of(name)
    return unknown_model(routes, name) if id is None else Asked(id, spelt)


def members_for(routes: Routes, model: Model, body: bytes, role: str) -> tuple[str, ...]:
    """Return which of the models behind a name are to be tried with this request, in order."""
    members = [
        Member(one.model, one.tokens, one.roles, routes.models[one.model].state)
        for one in model.members
        if one.model in routes.models
    ]
    if len(members) < 2:
        return tuple(one.model for one in members)
    return order(members, tokens_of(len(body), answer_of(body)), role, head_of(body))


def no_model(routes: Routes) -> Refusal:
    """Return the answer to a request that names no model."""
    text = f"The request names no model. {known(routes)}"
    return Refusal(400, Fault(text, "invalid_request_error", "model_required", PULL, "model"))


def unknown_model(routes: Routes, name: str) -> Refusal:
    """Return the answer to a request for a model that is not kept here."""
    text = f"No model named {name[:200]!r} is served here. {known(routes)}"
    return Refusal(404, Fault(text, type_of(404), "unknown_model", PULL, "model"))


def known(routes: Routes) -> str:
    """Return the names that would have worked, as a sentence."""
    names = sorted(routes.models)
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"Known: {', '.join(names[:NAMES_SHOWN])}{more}." if names else "None is kept yet."


def loading(id: str, eta: float | None) -> Refusal:
    """Return the answer to a request that does not wait, or not any longer, for its model."""
    soon = f"; about {eta:.0f} s to go" if eta else ""
    wrong = refusal(
        503,
        "loading",
        f"The model {id} is being loaded{soon}.",
        hint="Ask again after the time in Retry-After, or wait longer with `Prefer: wait=SECONDS`.",
    )
    return wrong._replace(retry_after=eta or 5.0)


def too_many(id: str, most: int) -> Refusal:
    """Return the answer where as many requests wait for a model as may."""
    text = f"{counted(most, 'request')} already wait for the model {id}."
    wrong = refusal(503, "queue_full", text, hint="Ask again after the time in Retry-After.")
    return wrong._replace(retry_after=5.0)


def broken(why: str) -> Refusal:
    """Return the answer where the engine gave none."""
    hint = "`ostler ps` shows the engines, `ostler logs MODEL` what one said."
    return refusal(502, "request_failed", f"The engine gave no answer: {why}.", hint=hint)


def ending() -> Refusal:
    """Return the answer to a page that waits for news while the server ends."""
    return refusal(503, "ending", "The server is ending.", hint="`ostler serve` starts it again.")


def no_control(why: str) -> Refusal:
    """Return the answer where the control API gave none."""
    hint = "Is `ostler serve` still running? Requests to loaded models go on meanwhile."
    return refusal(502, "server_not_running", f"The control API gave no answer: {why}.", hint=hint)
