"""Nouns of containers: an engine's image, what it gets of its host, and the container to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GIB = 1 << 30
SECRETS = "/run/secrets"  # where Docker, Compose and Podman put files that are secret


@dataclass(frozen=True, slots=True)
class Image:
    """A container image that holds an engine."""

    engine: str
    reference: str  # name@sha256:..., or sha256:... alone of an image that only this machine has
    version: str
    words: tuple[str, ...]  # what starts the engine in it; the image's own entry point is not used
    via: str = "image"  # which flags it takes, as in Installed
    why: str = ""  # who says that this reference is this version


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host in a container, always read-only. Both paths are absolute."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a container gets of its host."""

    image: Image
    files: tuple[Mount, ...]  # the model's, each where a process of the host would look for it
    user: str  # "uid:gid", never root
    published: int | None = None  # port on the host's loopback; None: the one of the engine
    key_file: str | None = None  # keys that callers must send, one a line; None: none
    memory: int | None = None  # bytes that it may take, or be killed; None: as it likes


@dataclass(frozen=True, slots=True)
class Container:
    """A process in a container: everything that a launcher or an exporter needs of it."""

    image: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]
    mounts: tuple[Mount, ...]
    user: str
    port: int  # the engine's, inside
    published: int  # the host's, on its loopback
    probe: tuple[str, ...]  # a command that succeeds when the engine says it is healthy
    patience: float  # seconds of its start in which the probe may fail
    also: tuple[int, ...] = ()  # further ports, published under their own numbers
    gpus: tuple[str, ...] = ()  # NVIDIA's indices or UUIDs
    cwd: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)  # name -> file of the host
    texts: Mapping[str, str] = field(
        default_factory=dict
    )  # file of the host, written first -> text
    scratch: tuple[str, ...] = ()  # folders in memory, the only ones that can be written
    shm_bytes: int = GIB
    memory: int | None = None  # bytes that it may take, or be killed; None: as it likes
    ulimits: Mapping[str, int] = field(default_factory=dict)  # -1: no limit
    grace: int = 45  # seconds between asking it to end and making it

    @property
    def ports(self) -> list[tuple[int, int]]:
        """Which port of the host leads to which of the container's."""
        return [(self.published, self.port), *((port, port) for port in self.also)]

    @property
    def binds(self) -> list[tuple[str, str]]:
        """Every file that is mounted, the secret ones too: (host's path, container's path)."""
        secret = [(file, f"{SECRETS}/{name}") for name, file in self.secrets.items()]
        return [(mount.source, mount.target) for mount in self.mounts] + secret
