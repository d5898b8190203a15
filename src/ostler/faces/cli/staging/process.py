"""The last stages of `ostler add` for a model that `ostler serve` runs."""

from __future__ import annotations

import asyncio
from typing import Any

from ostler import wiring
from ostler.core.sizes import duration
from ostler.errors import UsageError
from ostler.faces.cli import server
from ostler.faces.cli.staging.wish import Wish, id_of
from ostler.nouns import Task, Workload
from ostler.settings import Settings


class Process:
    """A process of the server that runs here; without one, of the next."""

    name, what, how = "process", "a process of `ostler serve`", "one real request of its kind"
    untest = None

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self.settings, self.wish = settings, wish

    @property
    def id(self) -> str:
        return id_of(self.settings, self.wish)

    def preview(self) -> list[str]:
        """Return nothing: no file of the user's changes."""
        return []

    def before(self) -> Any:
        """Return whether the server has it loaded already."""
        found = server.running(self.settings)
        models = server.ask(found, "GET", "/api/models") if found else []
        return {"loaded": any(one["id"] == self.id and one["pid"] for one in models)}

    def put(self) -> str:
        """Load it in the server that runs here."""
        found = server.running(self.settings)
        if not found:
            return "No server runs; `ostler serve` loads it when it is first asked for."
        answer = server.ask(found, "POST", server.model_path(self.id, "load"))
        return f"{answer['id']} is {answer['state']} on {answer['device']}."

    def undo(self, before: Any) -> str:
        """Unload it, unless it was loaded before."""
        found = server.running(self.settings)
        if not found or before["loaded"]:
            return "Nothing runs that did not run before."
        server.ask(found, "POST", server.model_path(self.id, "unload") + "?force=true")
        return f"{self.id} is not loaded."

    def test(self) -> str:
        """Ask it through the server, or start its engine for one request."""
        found = server.running(self.settings)
        if found:
            return asked(self.settings, self.wish, found.host, found.port, found.key)
        return asyncio.run(self._started())

    async def _started(self) -> str:
        from ostler.verbs.hold import held
        from ostler.verbs.prepare import prepare

        wish, settings = self.wish, self.settings
        context = wish.context or settings.context
        load = Workload(
            context, wish.sequences or 1, threads=settings.threads, for_all=not wish.context
        )
        machine = wiring.machine(settings, remembers=False)
        named = wiring.named(settings, wish.model)
        ready = prepare(named, wiring.store(settings), machine, load, wish.engine)
        port = wiring.engine_port(settings)
        log = str(wiring.log_path(settings, self.id))
        began = asyncio.get_running_loop().time()
        async with held(ready, wiring.launcher(), port, log):
            took = asyncio.get_running_loop().time() - began
        name = ready.choice.engine
        return f"{name} answered a real request after {duration(took)}, and was stopped again."


def asked(settings: Settings, wish: Wish, host: str, port: int, key: str | None = None) -> str:
    """Send one real request of the model's kind. Raises RequestFailed, a server's refusal."""
    from ostler.verbs.inspect import kept_facts
    from ostler.verbs.trial import trial

    named = wiring.named(settings, wish.model)
    facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
    tried = asyncio.run(
        trial(host, port, named.id, facts.task or Task.CHAT, chat_template=facts.chat_template,
              key=key, patience=server.PATIENCE)
    )  # fmt: skip
    if not tried.ok:
        raise tried.refusal(named.id)
    return f"{tried.what} in {duration(tried.seconds)}."


def device_of(gpu: str) -> str:
    """Return the id of a GPU of this machine: `0` is `nvidia:0`. Raises UsageError."""
    devices = [one for one in wiring.devices() if one.kind != "cpu"]
    for one in devices:
        if gpu in (one.id, str(one.index)):
            return one.id
    known = ", ".join(f"{one.id} ({one.name})" for one in devices) or "none"
    raise UsageError(
        f"There is no GPU {gpu} here.", hint=f"Here are: {known}. `ostler hw` shows them."
    )
