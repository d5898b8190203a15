"""A described process -> its container; launchers and exporters read the same value."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ostler.errors import EngineUnsupported, UsageError
from ostler.nouns import Container, LaunchSpec, Mount, Place
from ostler.nouns.containers import SECRETS

EVERYWHERE = "0.0.0.0"  # noqa: S104 - within the container; only loopback is published
SCRATCH = "/tmp"  # noqa: S108 - in the container's own memory, nobody shares it
MODELS, WORK = "/models", "/work"
KEYS = "api_keys"
# How an engine is told of a file with the keys that callers must send; others take them from
# the command line or the environment only, where other programs can read them.
KEY_FLAGS = {"llamacpp": "--api-key-file", "ampere": "--api-key-file"}
# What NVIDIA's own instructions for the image ask for: pinned memory, and deep stacks.
ULIMITS = {"triton": {"memlock": -1, "stack": 64 << 20}}

SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def contained(spec: LaunchSpec, place: Place) -> Container:
    """Return the container that runs the process in this place.

    The process must be described with the image's words and listen on EVERYWHERE. Its paths are
    those of the host; in the container the model is under MODELS and its own folder is WORK.
    Raises EngineUnsupported, UsageError.
    """
    words = place.image.words
    if spec.argv[: len(words)] != words:
        raise ValueError(f"{spec.argv[0]} is not what starts {place.image.reference}")
    command = [inside(spec, word) for word in spec.argv[len(words) :]]
    env = {name: inside(spec, value) for name, value in sorted(spec.env.items())}
    return Container(
        image=place.image.reference,
        entrypoint=words,
        command=(*command, *_keys(spec, place)),
        env={"HOME": SCRATCH, "USER": "ostler", **env},
        mounts=_mounts(spec, place),
        user=not_root(place.user),
        port=spec.port,
        published=place.published or spec.port,
        probe=probe(spec, words),
        patience=spec.deadline,
        also=tuple(spec.also.values()),
        gpus=gpus(spec),
        cwd=WORK if spec.cwd else None,
        secrets={KEYS: place.key_file} if place.key_file else {},
        texts={f"{spec.cwd}/{name}": inside(spec, text) for name, text in spec.files.items()},
        scratch=(SCRATCH,),
        ulimits=ULIMITS.get(spec.engine, {}),
        memory=place.memory,
    )


def inside(spec: LaunchSpec, text: str) -> str:
    """Return a text with the paths that the container has, instead of the host's."""
    there = text.replace(spec.model.folder, home_of(spec.model.id))
    return there.replace(spec.cwd, WORK) if spec.cwd else there


def home_of(model: str) -> str:
    """Return where a model is in its container: `/models/org/name`."""
    name = model.partition("#")[0].partition("@")[0]
    parts = (re.sub(r"[^A-Za-z0-9._-]", "-", part).lstrip(".") for part in name.split("/"))
    return "/".join((MODELS, *(part or "-" for part in parts)))


def gpus(spec: LaunchSpec) -> tuple[str, ...]:
    """Return the indices of the GPUs that the process gets. Raises EngineUnsupported."""
    kinds = [device.partition(":") for device in spec.devices]
    other = next((kind for kind, _, _ in kinds if kind not in ("cpu", "nvidia")), None)
    if other:
        raise EngineUnsupported(
            f"A container gets NVIDIA's GPUs only here, and {spec.model.id} is to run on {other}.",
            hint="Run it as a process: leave out `--in container`.",
        )
    return tuple(index for kind, _, index in kinds if kind == "nvidia")


def not_root(user: str) -> str:
    """Return "uid:gid". Raises UsageError for root's, which no engine needs."""
    uid, _, gid = user.partition(":")
    if not (uid.isdecimal() and gid.isdecimal()):
        raise UsageError(f"The user of a container is written as numbers, uid:gid, not {user!r}.")
    if int(uid) == 0:
        raise UsageError("An engine does not run as root.", hint="--user 65534:65534 is nobody.")
    return user


def probe(spec: LaunchSpec, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command that asks the health path, with what the image is sure to have."""
    url = f"http://127.0.0.1:{spec.port}{spec.health_path}"
    if "python" in words[0]:
        ask = f"import urllib.request as u; u.urlopen({url!r}, timeout=5)"
        return (words[0], "-c", ask)
    return ("curl", "--fail", "--silent", "--output", "/dev/null", url)


def _keys(spec: LaunchSpec, place: Place) -> tuple[str, ...]:
    if not place.key_file:
        return ()
    if spec.engine not in KEY_FLAGS:
        raise EngineUnsupported(
            f"{spec.engine} reads no keys from a file, and Ostler writes none on a command line.",
            hint="Let `ostler serve` ask for keys instead: ostler keys create NAME",
        )
    return (KEY_FLAGS[spec.engine], f"{SECRETS}/{KEYS}")


def _mounts(spec: LaunchSpec, place: Place) -> tuple[Mount, ...]:
    """The model's files, once more where a link to their folder is expected, and those written."""
    mounts = [Mount(one.source, inside(spec, one.target)) for one in place.files]
    home = f"{home_of(spec.model.id)}/"
    for name, target in spec.links.items():
        if target != spec.model.folder:
            raise ValueError(f"{name} leads to {target}, which is not the model's folder")
        mounts += [
            Mount(one.source, f"{WORK}/{name}/{one.target.removeprefix(home)}")
            for one in mounts
            if one.target.startswith(home)
        ]
    return (*mounts, *(Mount(f"{spec.cwd}/{name}", f"{WORK}/{name}") for name in spec.files))


def name_of(model: str, gpus: tuple[str, ...]) -> str:
    """Return a name for a model's container: `llama_0`, `llama_dual` over two GPUs."""
    plain = slug(model.rpartition("/")[2])
    over = {0: "", 1: f"_{slug(gpus[0])}" if gpus else "", 2: "_dual"}
    return plain + over.get(len(gpus), f"_tp{len(gpus)}")


def checked_service(name: str | None) -> str | None:
    """Return a service's name as Compose takes it, or None as it is. Raises UsageError."""
    checked_names("service", () if name is None else (name,))
    return name


def checked_names(what: str, names: Iterable[str]) -> None:
    """Refuse what cannot be a name of a Compose file's, such as a network's. Raises UsageError."""
    for name in names:
        if not SERVICE.fullmatch(name):
            raise UsageError(
                f"{name!r} is no name for a {what}: letters, digits, '.', '_' and '-', the first a"
                " letter or digit.",
                hint=f"--{what} {slug(name)}",
            )


def slug(name: str) -> str:
    """Return a name of letters, digits and dashes, which every consumer takes."""
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in name.lower())
    return plain.strip("-") or "model"
