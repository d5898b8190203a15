"""From what a command was told to the container that it writes down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ostler import wiring
from ostler.core import images
from ostler.nouns import Container, Format, Image, LaunchSpec, Workload
from ostler.settings import Settings


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
    return "llamacpp" if wiring.named(settings, model).variant.format is Format.GGUF else "vllm"
