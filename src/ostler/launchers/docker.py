"""The API of Docker, and of Podman which speaks it too, on a unix socket of this machine.

A dozen calls over the HTTP library that is here anyway: Docker's own SDK for Python waits in
threads, and brings a second HTTP library. Versions are those of the server that answers, as only
calls are used that have not changed since version 1.40.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from ostler.errors import ContainersUnavailable, EngineFailed

USUAL = ("/var/run/docker.sock", "/run/podman/podman.sock")  # and Podman's of the user
PATIENCE = 60.0  # seconds for calls that do not wait by design
# What a refusal says -> a stable word for it, and what to do; the last suits every one.
REFUSALS = (
    ("device driver", "gpu_unavailable",
     "Docker has no GPUs to give: install NVIDIA's container toolkit, then restart Docker."),
    ("unresolvable CDI devices", "gpu_unavailable",
     "`nvidia-ctk cdi list` shows which Podman knows; `nvidia-ctk cdi generate "
     "--output=/etc/cdi/nvidia.yaml` tells it of them."),
    ("nvidia-container-cli", "gpu_unavailable",
     "`ostler hw` and `nvidia-smi -L` show which GPUs there are."),
    ("no space left", "disk_full", "`docker system df` shows what its images take."),
    ("invalid mount config", "missing_file",
     "`ostler verify` looks for every file that is kept; Docker must see the same disk as we do."),
    ("", "container_refused", "`docker info` shows how it is set up."),
)  # fmt: skip
PODMAN = "/v4.0.0"  # of its own API, which later versions speak too
HEADER = 8  # bytes before each piece of a log: which stream, three zeros, the length


def socket_of(said: str, env: Mapping[str, str]) -> str:
    """Return the path of the socket: the setting, else DOCKER_HOST, else a usual one that is there.

    Raises ContainersUnavailable.
    """
    named = said or env.get("DOCKER_HOST", "")
    if named.startswith(("unix://", "/")):
        return named.removeprefix("unix://")
    if named:
        raise ContainersUnavailable(
            f"{named} is no socket of this machine.",
            hint="Containers are started here only: OSTLER_CONTAINER_SOCKET=/var/run/docker.sock",
        )
    runtime = env.get("XDG_RUNTIME_DIR")
    users = [f"{runtime}/podman/podman.sock"] if runtime else []
    for path in [*USUAL, *users]:
        if os.path.exists(path):
            return path
    raise ContainersUnavailable(
        "Neither Docker nor Podman answers on this machine.",
        hint="Install one (`apt install docker.io`), or name its socket: "
        "OSTLER_CONTAINER_SOCKET=/path/to/docker.sock",
    )


@dataclass(frozen=True, slots=True)
class End:
    """How a container stands or ended."""

    running: bool
    code: int
    out_of_memory: bool
    limit: int  # bytes of memory that it may take; 0: no limit
    pid: int


class Docker:
    """One server of containers. Use as `async with`."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        transport = httpx2.AsyncHTTPTransport(uds=socket)
        self._http = httpx2.AsyncClient(
            transport=transport, base_url="http://docker", timeout=PATIENCE
        )
        self._api = ""

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def version(self) -> str:
        """Return which API the server speaks, such as "1.41"."""
        if not self._api:
            answer = await self._send("GET", "/_ping", prefix="")
            self._api = answer.headers.get("api-version", "1.40")
        return self._api

    async def is_podman(self) -> bool:
        """Say whether it is Podman, which names GPUs in another way."""
        said = (await self._call("GET", "/version")).json()
        parts = said.get("Components") or ()
        return any("podman" in str(part.get("Name", "")).lower() for part in parts)

    async def has_image(self, reference: str) -> bool:
        """Say whether an image is on this machine."""
        answer = await self._call("GET", f"/images/{reference}/json", ok=(404,))
        return answer.status_code == 200

    async def pull(self, reference: str) -> None:
        """Fetch an image by its digest. Raises EngineFailed."""
        way = {"params": {"fromImage": reference}, "timeout": None}
        async with self._stream("POST", "/images/create", **way) as lines:
            async for line in lines.aiter_lines():
                said = json.loads(line) if line.strip() else {}
                if said.get("error"):
                    raise EngineFailed(
                        f"The image {reference} cannot be fetched: {said['error']}",
                        hint=f"docker pull {reference}",
                    )

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Make a container, which does not run yet; return its id. Raises EngineFailed."""
        answer = await self._call("POST", "/containers/create", params={"name": name}, json=config)
        return str(answer.json()["Id"])

    async def create_as_podman(self, name: str, spec: Mapping[str, Any]) -> str:
        """Make one by Podman's own request. Raises EngineFailed."""
        way = "/libpod/containers/create"
        answer = await self._send("POST", way, prefix=PODMAN, json={**spec, "name": name})
        return str(answer.json()["Id"])

    async def start(self, id: str) -> None:
        """Start it. Raises EngineFailed with the server's own words."""
        await self._call("POST", f"/containers/{id}/start", ok=(304,))

    async def inspect(self, id: str) -> End | None:
        """Return how it stands; None: there is none of this id."""
        answer = await self._call("GET", f"/containers/{id}/json", ok=(404,))
        if answer.status_code == 404:
            return None
        said = answer.json()
        state, host = said["State"], said.get("HostConfig") or {}
        return End(
            bool(state.get("Running")),
            int(state.get("ExitCode") or 0),
            bool(state.get("OOMKilled")),
            int(host.get("Memory") or 0),
            int(state.get("Pid") or 0),
        )

    async def wait(self, id: str) -> None:
        """Wait until it does not run any more."""
        await self._call("POST", f"/containers/{id}/wait", ok=(404,), timeout=None)

    async def kill(self, id: str, signal: str) -> None:
        """Send a signal to it; nothing happens where it does not run."""
        params = {"signal": signal}
        await self._call("POST", f"/containers/{id}/kill", params=params, ok=(404, 409, 500))

    async def remove(self, id: str) -> None:
        """Remove it, killed first where it runs; nothing happens where there is none."""
        params = {"force": "true", "v": "true"}
        await self._call("DELETE", f"/containers/{id}", params=params, ok=(404, 409))

    async def labelled(self, label: str) -> list[tuple[str, dict[str, str]]]:
        """Return the ids and labels of all containers with this label, running or not."""
        params = {"all": "true", "filters": json.dumps({"label": [label]})}
        answer = await self._call("GET", "/containers/json", params=params)
        return [(one["Id"], one.get("Labels") or {}) for one in answer.json()]

    async def output(self, id: str, since: float = 0.0) -> AsyncIterator[bytes]:
        """Yield what it writes to both streams, from a moment on, until it ends."""
        params = {"follow": "true", "stdout": "true", "stderr": "true", "since": f"{since:.9f}"}
        async with self._stream(
            "GET", f"/containers/{id}/logs", params=params, timeout=None
        ) as got:
            held = bytearray()
            async for piece in got.aiter_raw():
                held += piece
                while len(held) >= HEADER:
                    end = HEADER + int.from_bytes(held[4:HEADER])
                    if len(held) < end:
                        break
                    yield bytes(held[HEADER:end])
                    del held[:end]

    async def _call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return await self._send(method, path, prefix=f"/v{await self.version()}", **more)

    async def _send(
        self, method: str, path: str, *, prefix: str, ok: tuple[int, ...] = (), **more: Any
    ) -> httpx2.Response:
        try:
            answer = await self._http.request(method, prefix + path, **more)
        except httpx2.TransportError as error:
            raise self._silent(error) from None
        if answer.is_success or answer.status_code in ok:
            return answer
        raise refused(answer)

    @asynccontextmanager
    async def _stream(self, method: str, path: str, **more: Any) -> AsyncIterator[httpx2.Response]:
        way = f"/v{await self.version()}{path}"
        try:
            async with self._http.stream(method, way, **more) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refused(answer)
                yield answer
        except httpx2.TransportError as error:
            raise self._silent(error) from None

    def _silent(self, error: Exception) -> ContainersUnavailable:
        why = str(error) or type(error).__name__
        return ContainersUnavailable(
            f"Nothing that runs containers answers at {self.socket}: {why}.",
            hint="`systemctl start docker`, or name another socket: OSTLER_CONTAINER_SOCKET",
        )


def refused(answer: httpx2.Response) -> EngineFailed:
    """The error for a call that the server refused, in its own words."""
    try:
        said = str(answer.json().get("message") or answer.json().get("cause") or "")
    except ValueError:
        said = answer.text
    causes = ((word, cause, hint) for word, cause, hint in REFUSALS if word in said)
    _, cause, hint = next(causes)
    what = f"The container cannot be started: {' '.join(said.split())[:500]}"
    return EngineFailed(what, hint=hint, cause=cause)
