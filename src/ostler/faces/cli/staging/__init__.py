"""The four stages of `ostler add`, each with the way back."""

from __future__ import annotations

import json
import shutil

from ostler import wiring
from ostler.core.refs import parse
from ostler.errors import OstlerError, UsageError
from ostler.faces.cli.staging.configuring import Configuration
from ostler.faces.cli.staging.process import Process, device_of
from ostler.faces.cli.staging.service import Service
from ostler.faces.cli.staging.wish import Wish, id_of
from ostler.settings import Settings
from ostler.verbs.stages import Stage

__all__ = ["Plan", "Wish"]


class Plan:
    """What adding one model does, in order."""

    def __init__(self, settings: Settings, wish: Wish) -> None:
        """Refuse what cannot be, before anything is done. Raises UsageError."""
        self.settings, self.wish = settings, wish
        _refuse(wish)
        devices = [] if wish.into else [device_of(gpu) for gpu in wish.gpus]
        self.configuration = Configuration(settings, wish, devices)
        self.place = Service(settings, wish) if wish.into else Process(settings, wish)

    @property
    def id(self) -> str:
        """The model's own name once it is kept, else the name that was given."""
        return id_of(self.settings, self.wish)

    def stages(self) -> list[Stage]:
        """Return the stages."""
        one, place = self.configuration, self.place
        return [
            Stage("download", self._would_fetch(), self._download),
            Stage("configuration", f"{one.file}: {json.dumps(one.values())}", one.write, one.before,
                  one.undo),
            Stage(place.name, place.what, place.put, place.before, place.undo),
            Stage("test", place.how, place.test, undo=place.untest),
        ]  # fmt: skip

    def preview(self) -> list[str]:
        """Return the diff of the Compose file, where the model is kept and it can be said."""
        return self.place.preview()

    def _kept(self) -> bool:
        try:
            return bool(wiring.named(self.settings, self.wish.model))
        except OstlerError:
            return False

    def _would_fetch(self) -> str:
        if self._kept():
            return f"{self.id} is kept here already"
        return f"fetch {self.wish.model}, and prove every byte"

    def _download(self) -> str:
        from ostler.faces.cli.pull import fetch

        if self._kept():
            return f"{self.id} is kept here already."
        ref = parse(self.wish.model)
        fetch(self.settings, ref, wiring.source(self.settings, self.wish.endpoint, ref), quiet=True)
        return f"{self.id} is kept, every byte verified."


def _refuse(wish: Wish) -> None:
    said = {"--up": wish.up, "--service": wish.service, "--network": wish.network,
            "--image": wish.image}  # fmt: skip
    for option, value in said.items() if not wish.into else ():
        if value:
            raise UsageError(f"{option} is for a service; name its file with --into.")
    if wish.up and not shutil.which("docker"):
        raise UsageError("--up needs docker, which is not here.", hint="Leave --up out.")
