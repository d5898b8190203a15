"""The four stages of `ostler add`, each with the way back."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler import wiring
from ostler.core import editing
from ostler.core.containers import name_of
from ostler.core.drift import Written
from ostler.core.naming import Named
from ostler.core.refs import parse
from ostler.core.sizes import duration
from ostler.errors import EngineFailed, OstlerError, RequestFailed, UsageError
from ostler.faces.cli import composing, server
from ostler.faces.server import wishes as w
from ostler.nouns import Task, Workload
from ostler.settings import Settings
from ostler.verbs import editing as files
from ostler.verbs import written
from ostler.verbs.stages import Stage

INSIDE = 8000  # the port an engine listens on within its container
COMPOSE_SECONDS = 900.0  # for an image to be fetched


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller said."""

    model: str
    gpus: tuple[str, ...]
    context: int | None
    max_concurrent: int | None
    sequences: int | None
    alias: str | None
    engine: str | None
    into: Path | None
    service: str | None
    network: str | None
    port: int
    image: str | None
    engine_version: str | None
    up: bool
    endpoint: str | None


class Plan:
    """What adding one model does, in order."""

    def __init__(self, settings: Settings, wish: Wish) -> None:
        """Refuse what cannot be, before anything is done. Raises UsageError."""
        self.settings, self.wish = settings, wish
        self.file = settings.home / w.FILE
        if not wish.into:
            for text, said in (("--up", wish.up), ("--service", wish.service),
                               ("--network", wish.network), ("--image", wish.image)):  # fmt: skip
                if said:
                    raise UsageError(f"{text} is for a service; name its file with --into.")
            self.devices = [device_of(gpu) for gpu in wish.gpus]  # refused before anything is done
        elif wish.up and not shutil.which("docker"):
            raise UsageError("--up needs docker, which is not here.", hint="Leave --up out.")

    def stages(self) -> list[Stage]:
        """Return the stages."""
        wish = self.wish
        where = f"a service in {wish.into}" if wish.into else "a process of `ostler serve`"
        return [
            Stage("download", self._download_what(), self._download),
            Stage("configuration", f"{self.file}: {json.dumps(self.values())}", self._configure,
                  self._configured, self._unconfigure),
            Stage("compose" if wish.into else "process", where, self._place, self._placed,
                  self._unplace),
            Stage("test", self._test_what(), self._test, undo=self._down if wish.up else None),
        ]  # fmt: skip

    @property
    def id(self) -> str:
        """The model's own name once it is kept, else the name that was given."""
        try:
            return self.named().id
        except OstlerError:
            return self.wish.model

    def named(self) -> Named:
        """Return the kept model. Raises UnknownModel."""
        return wiring.named(self.settings, self.wish.model)

    # --- download

    def _download_what(self) -> str:
        try:
            return f"{self.named().id} is kept here already"
        except OstlerError:
            return f"fetch {self.wish.model}, and prove every byte"

    def _download(self) -> str:
        from ostler.faces.cli.pull import fetch

        try:
            return f"{self.named().id} is kept here already."
        except OstlerError:
            ref = parse(self.wish.model)
        source = wiring.source(self.settings, self.wish.endpoint, ref)
        fetch(self.settings, ref, source, quiet=True)
        return f"{self.named().id} is kept, every byte verified."

    # --- configuration

    def values(self) -> dict[str, Any]:
        """Return what ostler.yaml shall say of the model."""
        wish = self.wish
        pool = "-".join(f"gpu{gpu}" for gpu in wish.gpus) if wish.gpus and not wish.into else None
        said = {
            "aliases": [wish.alias] if wish.alias else None, "context": wish.context,
            "sequences": wish.sequences, "max_concurrent": wish.max_concurrent,
            "engine": wish.engine if not wish.into else None, "pool": pool,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def _entries(self) -> list[tuple[str, str]]:
        """The places in ostler.yaml that the configuration touches."""
        pool = self.values().get("pool")
        return [("models", self.id), *([("pools", pool)] if pool else [])]

    def _configured(self) -> Any:
        held = w.values(self.file)
        return {
            "there": self.file.exists(),
            "parts": [part in held for part, _ in self._entries()],
            "values": [editing.at(held, place) for place in self._entries()],
        }

    def _configure(self) -> str:
        said: list[dict[str, Any]] = [self.values(), {"devices": getattr(self, "devices", [])}]

        def change(held: Any) -> None:
            for (part, name), values in zip(self._entries(), said, strict=False):
                under = held[part] = held.get(part) or {}
                under[name] = {**(under.get(name) or {}), **values}

        w.edit(self.file, change)
        return f"{self.id} stands in {self.file}."

    def _unconfigure(self, before: Any) -> str:
        def change(held: Any) -> None:
            rows = zip(self._entries(), before["parts"], before["values"], strict=True)
            for (part, name), was_there, value in rows:
                under = held.get(part) or {}
                under.pop(name, None)
                held[part] = under | ({name: value} if value is not None else {})
                if not was_there:
                    held.pop(part)

        w.edit(self.file, change)
        if not before["there"]:
            self.file.unlink(missing_ok=True)
        return f"{self.file} says of {self.id} what it said before."

    # --- Compose or process

    @property
    def service(self) -> str:
        return self.wish.service or name_of(self.wish.model.partition("#")[0], self.wish.gpus)

    def _content(self) -> dict[str, Any]:
        """The words of `ostler export compose`, so that `ostler sync` can say them again."""
        from ostler.exporters import compose
        from ostler.faces.cli.containing import Wish as Told
        from ostler.faces.cli.containing import contained

        wish = self.wish
        load = Workload(wish.context, wish.sequences or 1)
        told = Told(self.id, wish.engine, wish.image, wish.engine_version, load)
        _, one = contained(self.settings, told, wish.gpus, INSIDE, wish.port)
        return compose.content({self.service: one}, compose.Manner((), wish.network))

    def _words(self) -> tuple[str, ...]:
        wish = self.wish
        said = [
            ("--image", wish.image), ("--engine-version", wish.engine_version),
            *(("--gpu", gpu) for gpu in wish.gpus), ("--port", str(wish.port)),
            ("--service", self.service), ("--network", wish.network), ("--engine", wish.engine),
            ("--context", wish.context), ("--sequences", wish.sequences),
        ]  # fmt: skip
        words = [text for name, value in said if value is not None for text in (name, str(value))]
        return ("export", "compose", *words, "--", self.id)

    def _placed(self) -> Any:
        if not self.wish.into:
            return None
        content = files.read(self.wish.into, new=True)
        return {
            "there": content is not None,
            "service": editing.at(
                editing.read(files.decoded(self.wish.into, content or b""), str(self.wish.into)),
                ("services", self.service),
            ),
        }

    def _place(self) -> str:
        into = self.wish.into
        if not into:
            return self._load()
        content = self._content()
        files.carry_out(composing.plan(self.settings, into, content))
        value = content["services"][self.service]
        hashes = {"": written.hash_of_part(value)}
        told = Written(
            str(into.resolve()), self._words(), hashes, ("services", self.service), (self.id,)
        )
        written.remember(self.settings.home, told)
        return f"{into}: services.{self.service}"

    def _load(self) -> str:
        found = server.running(self.settings)
        if not found:
            return "No server runs; `ostler serve` loads it when it is first asked for."
        answer = server.ask(found, "POST", server.model_path(self.id, "load"))
        return f"{answer['id']} is {answer['state']} on {answer['device']}."

    def _unplace(self, before: Any) -> str:
        into = self.wish.into
        if not into:
            return self._unload()
        place = ("services", self.service)

        def change(held: Any) -> Any:
            if before["service"] is not None:
                return editing.put(held, place, before["service"])
            return editing.without(held, place)

        if not before["there"]:
            files.carry_out(files.rewrite(into, None), copy=False)
        else:
            files.carry_out(files.plan(into, change, new=True), copy=False)
        own = composing.own(self.settings, into).get(self.service)
        if own and before["service"] is None:
            written.forget(self.settings.home, own)
        return f"{into} says of {self.service} what it said before."

    def _unload(self) -> str:
        found = server.running(self.settings)
        if not found:
            return "No server runs."
        server.ask(found, "POST", server.model_path(self.id, "unload") + "?force=true")
        return f"{self.id} is not loaded."

    # --- test

    def _test_what(self) -> str:
        if self.wish.into:
            return (
                "start it by `docker compose`, and ask it"
                if self.wish.up
                else ("hold the file against `docker compose config`, where that is here")
            )
        return "one real request of its kind"

    def _test(self) -> str:
        if self.wish.into:
            return self._test_service()
        found = server.running(self.settings)
        if found:
            return self._asked(found.host, found.port, self.id, found.key)
        return asyncio.run(self._started())

    def _asked(self, host: str, port: int, name: str, key: str | None = None) -> str:
        from ostler.verbs.inspect import kept_facts
        from ostler.verbs.trial import trial

        named = self.named()
        facts = kept_facts(wiring.store(self.settings), named.manifest, named.variant)
        tried = asyncio.run(
            trial(host, port, name, facts.task or Task.CHAT, chat_template=facts.chat_template,
                  key=key, patience=server.PATIENCE)
        )  # fmt: skip
        if not tried.ok:
            raise RequestFailed(f"{self.id}: {tried.what}", hint=f"ostler logs {self.id}")
        return f"{tried.what} in {duration(tried.seconds)}."

    async def _started(self) -> str:
        """Start its engine for one request, and stop it again: nothing else runs here."""
        from ostler.launchers.ports import free_port, port_range
        from ostler.verbs.hold import HOST, held
        from ostler.verbs.prepare import prepare

        wish, settings = self.wish, self.settings
        load = Workload(
            wish.context or settings.context, wish.sequences or 1, threads=settings.threads
        )
        machine = wiring.machine(settings, remembers=False)
        ready = prepare(self.named(), wiring.store(settings), machine, load, wish.engine)
        port = free_port(HOST, port_range(settings.engine_ports))
        log = str(wiring.log_path(settings, self.id))
        began = asyncio.get_running_loop().time()
        async with held(ready, wiring.launcher(), port, log):
            took = asyncio.get_running_loop().time() - began
        name = ready.choice.engine
        return f"{name} answered a real request after {duration(took)}, and was stopped again."

    def _test_service(self) -> str:
        if not has_compose():
            return "Not tested: `docker compose` is not here."
        self._docker("config", "-q")
        if not self.wish.up:
            return f"`docker compose` takes the file. Start it: docker compose up -d {self.service}"
        self._docker("up", "-d", "--wait", self.service)
        return self._asked("127.0.0.1", self.wish.port, self.id)

    def _down(self, _: Any) -> str:
        if has_compose():
            self._docker("rm", "-s", "-f", self.service)
        return f"The container {self.service} is gone."

    def _docker(self, *words: str) -> None:
        assert self.wish.into
        argv = ["docker", "compose", "-f", str(self.wish.into), *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=COMPOSE_SECONDS
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise EngineFailed(
                f"`docker compose {words[0]}` failed: {said[-1] if said else done.returncode}",
                hint=f"docker compose -f {self.wish.into} {' '.join(words)}",
            )

    def preview(self) -> list[str]:
        """Return the diff of the Compose file, where the model is kept and it can be said."""
        if not self.wish.into:
            return []
        try:
            content = self._content()
        except OstlerError as error:
            return [f"The service is not known before the model is here: {error.what}"]
        return [composing.plan(self.settings, self.wish.into, content).diff.rstrip("\n")]


def device_of(gpu: str) -> str:
    """Return the id of a GPU of this machine: `0` is `nvidia:0`. Raises UsageError."""
    from ostler.probe import probe

    devices = [one for one in probe().devices if one.kind != "cpu"]
    for one in devices:
        if gpu in (one.id, str(one.index)):
            return one.id
    known = ", ".join(f"{one.id} ({one.name})" for one in devices) or "none"
    raise UsageError(
        f"There is no GPU {gpu} here.", hint=f"Here are: {known}. `ostler hw` shows them."
    )


def has_compose() -> bool:
    """Say whether `docker compose` is here."""
    if not shutil.which("docker"):
        return False
    argv = ["docker", "compose", "version"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
