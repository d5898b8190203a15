"""What Traefik needs to lead requests by their path to the engine of a model.

Two files: the static one, read once at Traefik's start, and the dynamic one, read again whenever
it changes. Fields as in https://doc.traefik.io/traefik/v3.7/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.core.containers import slug
from ostler.errors import UsageError
from ostler.exporters.blocks import dumped

HEAD = "# Written by `ostler export traefik`.\n"
RUNTIME = "/runtime/models/"  # the stable address of a deployment, by its short name
PATHS = ("/v1/", "/models/", "/runtime/models/")  # what Ostler's own gateway answers
ENTRY = "models"
PLAIN = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")  # a name that stands in a path as it is
SERVER = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Route:
    """One model and the engines that answer for it."""

    model: str
    servers: Sequence[str]  # addresses, such as http://127.0.0.1:21800
    names: Sequence[str] = ()  # others that callers use, org/name
    health: str = "/health"


def static(listen: str, folder: str) -> str:
    """Return the static file: where Traefik listens, and the folder of dynamic files."""
    content = {
        "entryPoints": {ENTRY: {"address": listen}},
        "providers": {
            "file": {"directory": folder, "watch": True},
            "providersThrottleDuration": "100ms",  # 2 s otherwise, that long a new route waits
        },
        "log": {"level": "INFO"},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    }
    return HEAD + dumped(content)


def dynamic(routes: Sequence[Route], users: str | None = None) -> str:
    """Return the dynamic file: a path for each model, taken off before its engine sees it.

    `users` is a file of names and password hashes that Traefik asks callers for. Raises
    UsageError where two models would have one path, or an address is none.
    """
    middlewares: dict[str, Any] = {}
    if users:
        middlewares["callers"] = {"basicAuth": {"usersFile": users, "removeHeader": True}}
    content: dict[str, Any] = {"routers": {}, "services": {}, "middlewares": middlewares}
    taken: dict[str, str] = {}
    for route in routes:
        name, prefixes = slug(route.model), paths(route)
        for prefix in prefixes:
            if taken.setdefault(prefix, route.model) != route.model:
                raise UsageError(
                    f"{route.model} and {taken[prefix]} would both be at {prefix}.",
                    hint="Export one of them.",
                )
        middlewares[f"{name}-path"] = {"stripPrefix": {"prefixes": [p[:-1] for p in prefixes]}}
        content["routers"][name] = _router(
            name, prefixes, [*(["callers"] if users else []), f"{name}-path"]
        )
        content["services"][name] = _service(route)
    return HEAD + dumped({"http": content})


def through(gateway: str, users: str | None = None) -> str:
    """Return the dynamic file that leads everything to Ostler's own gateway, which loads models."""
    name = "ostler"
    content: dict[str, Any] = {
        "routers": {name: _router(name, PATHS, ["callers"] if users else [])},
        "services": {name: _service(Route(name, [gateway]))},
    }
    if users:
        content["middlewares"] = {"callers": {"basicAuth": {"usersFile": users}}}
    return HEAD + dumped({"http": content})


def paths(route: Route) -> list[str]:
    """Return the paths that lead to a model; the first is stable and made of safe letters."""
    plain = [name for name in (route.model, *route.names) if PLAIN.fullmatch(name)]
    return [f"{RUNTIME}{slug(route.model)}/", *(f"/models/{name}/" for name in plain)]


def _router(name: str, prefixes: Sequence[str], middlewares: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "entryPoints": [ENTRY],
        "rule": " || ".join(f"PathPrefix(`{prefix}`)" for prefix in prefixes),
        "service": name,
    }
    return found | ({"middlewares": list(middlewares)} if middlewares else {})


def _service(route: Route) -> dict[str, Any]:
    for server in route.servers:
        if not SERVER.fullmatch(server):
            raise UsageError(
                f"{server!r} is no address of an engine.",
                hint="For example http://127.0.0.1:21800.",
            )
    return {
        "loadBalancer": {
            "servers": [{"url": server} for server in route.servers],
            "healthCheck": {"path": route.health, "interval": "10s", "timeout": "5s"},
        }
    }


def guarded(listen: str, users: str | None) -> None:
    """Raise UsageError where others than this machine could ask engines without a password."""
    host = listen.rpartition(":")[0]
    if host not in LOOPBACK and not users:
        raise UsageError(
            f"On {listen} anybody could ask the engines, which know no keys.",
            hint="Name a file of users with --users, or lead to Ostler's gateway with --gateway.",
        )


def addresses(routes: Sequence[Route], listen: str) -> Mapping[str, str]:
    """Return the address to give to callers, by model."""
    return {one.model: f"http://{listen}{paths(one)[0]}v1" for one in routes}
