"""From what a command was told to the container that it writes down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ostler import wiring
from ostler.core import images
from ostler.core.naming import Named
from ostler.errors import UsageError
from ostler.nouns import Container, Format, Image, LaunchSpec, Workload
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.ports import Launcher
    from ostler.verbs.prepare import Machine


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for."""

    model: str
    engine: str | None
    image: str | None
    version: str | None  # of the engine in the image
    workload: Workload
    user: str | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """How the engine is to be run, and the image if it was named."""

    launcher: str  # "process" or "container"
    image: str | None = None
    version: str | None = None

    @property
    def said(self) -> bool:
        return self.launcher == "container" or self.image is not None


async def means(
    settings: Settings, named: Named, engine: str | None, where: Where
) -> tuple[Machine, Launcher]:
    """Return the machine as engines see it there, and what starts them.

    Raises ContainersUnavailable, UsageError.
    """
    machine, known = seen(settings, named, engine, where)
    if where.launcher != "container":
        return machine, wiring.launcher()
    await wiring.sweep(settings)
    return machine, wiring.containers(settings, known)


def seen(
    settings: Settings, named: Named, engine: str | None, where: Where
) -> tuple[Machine, dict[str, Image]]:
    """Return the machine with the engines that there are, and their images in containers.

    Raises UsageError.
    """
    machine = wiring.machine(settings, remembers=False)
    if where.launcher != "container":
        if where.image:
            raise UsageError("An image is for containers.", hint="Say --in container as well.")
        return machine, {}
    gpu = bool(machine.hardware.of_kind("nvidia"))
    known = images.choices(own_images(settings), gpu=gpu)
    if where.image or where.version:
        name = engine or usual_for(named)
        known[name] = image_of(settings, name, where.image, where.version, gpu=gpu)
    inside = {name: images.installed(one) for name, one in known.items()}
    return replace(machine, installed=inside), known


def contained(
    settings: Settings, wish: Wish, gpus: tuple[str, ...], port: int, published: int
) -> tuple[LaunchSpec, Container]:
    """Return the process that would serve the model in its image, and its container.

    Nothing is asked of this machine: what is written may be for another one.
    """
    from ostler.verbs.containing import written

    named = wiring.named(settings, wish.model)
    name = wish.engine or usual(settings, wish.model)
    engine = wiring.engine(settings, name)
    image = image_of(settings, name, wish.image, wish.version, gpu=bool(gpus))
    return written(
        named, wiring.store(settings), engine, image, wish.workload, gpus,
        port=port, published=published, user=wish.user,
        key_file=str(wish.key_file) if wish.key_file else None,
    )  # fmt: skip


def image_of(
    settings: Settings, engine: str, reference: str | None, version: str | None, *, gpu: bool
) -> Image:
    """Return the image to run an engine in: the one named, the operator's, or the one known.

    Raises UsageError.
    """
    own = own_images(settings).get(engine)
    if reference or version or own is None:
        words = own.get("command") if isinstance(own, dict) else None
        start = tuple(map(str, words)) if isinstance(words, list) else ()
        return images.image(engine, reference, version, start, gpu=gpu)
    return images.configured(engine, own, gpu=gpu)


def own_images(settings: Settings) -> dict[str, dict[str, object] | str]:
    """Return the images that the operator named in the wishes. Raises UsageError."""
    path = settings.home / "ostler.yaml"
    if not path.exists():
        return {}
    from ostler.faces.server.wishes import load

    return load(path).own_images()


def usual(settings: Settings, model: str) -> str:
    """Return the engine that serves models of this kind in a container."""
    return usual_for(wiring.named(settings, model))


def usual_for(named: Named) -> str:
    """Return the engine that serves a kept model in a container, where none is asked for."""
    return "llamacpp" if named.variant.format is Format.GGUF else "vllm"
