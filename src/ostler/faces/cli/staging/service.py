"""The last stages of `ostler add` for a model that a Compose file of the user's starts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from ostler.core import editing
from ostler.core.containers import checked_service, name_of
from ostler.core.drift import Written
from ostler.errors import EngineFailed, OstlerError
from ostler.faces.cli import composing
from ostler.faces.cli.staging.process import asked
from ostler.faces.cli.staging.wish import Wish, id_of
from ostler.nouns import Workload
from ostler.settings import Settings
from ostler.verbs import editing as files
from ostler.verbs import written

INSIDE = 8000  # the port an engine listens on within its container
PATIENCE = 900.0  # seconds, for an image to be fetched


class Service:
    """A service in a Compose file, whose rest stays to the byte."""

    name = "compose"

    def __init__(self, settings: Settings, wish: Wish) -> None:
        assert wish.into
        self.settings, self.wish, self.file = settings, wish, wish.into
        self.title = checked_service(wish.service) or name_of(
            wish.model.partition("#")[0], wish.gpus
        )
        self.part = ("services", self.title)
        self.what = f"a service {self.title} in {self.file}"
        self.how = (
            "start it by `docker compose`, and ask it" if wish.up
            else "hold the file against `docker compose config`, where that is here"
        )  # fmt: skip
        self.untest: Callable[[Any], str] | None = self._down if wish.up else None

    @property
    def id(self) -> str:
        return id_of(self.settings, self.wish)

    def content(self) -> dict[str, Any]:
        """Return what `ostler export compose` would write. Raises OstlerError."""
        from ostler.exporters import compose
        from ostler.faces.cli.containing import Wish as Told
        from ostler.faces.cli.containing import contained

        wish = self.wish
        load = Workload(wish.context, wish.sequences or 1)
        told = Told(self.id, wish.engine, wish.image, wish.engine_version, load)
        _, one = contained(self.settings, told, wish.gpus, INSIDE, wish.port)
        return compose.content({self.title: one}, compose.Manner((), wish.network))

    def words(self) -> tuple[str, ...]:
        """Return the words of `ostler export` that say the same, for `ostler sync`."""
        wish = self.wish
        said = [
            ("--image", wish.image), ("--engine-version", wish.engine_version),
            *(("--gpu", gpu) for gpu in wish.gpus), ("--port", str(wish.port)),
            ("--service", self.title), ("--network", wish.network), ("--engine", wish.engine),
            ("--context", wish.context), ("--sequences", wish.sequences),
        ]  # fmt: skip
        words = [text for name, value in said if value is not None for text in (name, str(value))]
        return ("export", "compose", *words, "--", self.id)

    def preview(self) -> list[str]:
        """Return the diff of the file, where the model is kept and it can be said."""
        try:
            content = self.content()
        except OstlerError as error:
            return [f"The service is not known before the model is here: {error.what}"]
        return [composing.plan(self.settings, self.file, content).diff.rstrip("\n")]

    def before(self) -> Any:
        """Return what the file says of the service now."""
        content = files.read(self.file, new=True)
        held = editing.read(files.decoded(self.file, content or b""), str(self.file))
        return {"there": content is not None, "service": editing.at(held, self.part)}

    def put(self) -> str:
        """Put the service in, and remember it."""
        content = self.content()
        files.carry_out(composing.plan(self.settings, self.file, content))
        hashes = {"": written.hash_of_part(editing.at(content, self.part))}
        path = str(self.file.resolve())
        written.remember(
            self.settings.home, Written(path, self.words(), hashes, self.part, (self.id,))
        )
        return f"{self.file}: services.{self.title}"

    def undo(self, before: Any) -> str:
        """Let the file say of the service what it said."""

        def change(held: Any) -> Any:
            if before["service"] is not None:
                return editing.put(held, self.part, before["service"])
            return editing.without(held, self.part)

        if before["there"]:
            files.carry_out(files.plan(self.file, change, new=True), copy=False)
        else:
            files.carry_out(files.rewrite(self.file, None), copy=False)
        own = composing.own(self.settings, self.file).get(self.title)
        if own and before["service"] is None:
            written.forget(self.settings.home, own)
        return f"{self.file} says of {self.title} what it said before."

    def test(self) -> str:
        """Hold the file against the real `docker compose`; with --up start it, and ask it."""
        if not has_compose():
            return "Not tested: `docker compose` is not here."
        self._docker("config", "-q")
        if not self.wish.up:
            return f"`docker compose` takes the file. Start it: docker compose up -d {self.title}"
        self._docker("up", "-d", "--wait", self.title)
        return asked(self.settings, self.wish, "127.0.0.1", self.wish.port)

    def _down(self, _: Any) -> str:
        if has_compose():
            self._docker("rm", "-s", "-f", self.title)
        return f"The container {self.title} is gone."

    def _docker(self, *words: str) -> None:
        argv = ["docker", "compose", "-f", str(self.file), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise EngineFailed(
                f"`docker compose {words[0]}` failed: {said[-1] if said else done.returncode}",
                hint=f"docker compose -f {self.file} {' '.join(words)}",
            )


def has_compose() -> bool:
    """Say whether `docker compose` is here."""
    if not shutil.which("docker"):
        return False
    argv = ["docker", "compose", "version"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
