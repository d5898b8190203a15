"""What a container gets of this machine: the model's files one by one, and a user who is not root.

Each file is mounted from where its bytes are kept to where the engine is told to look for it. So
a container sees this model and no other, nothing of the home's records, and its user need not be
able to enter the home's folders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ostler.core import images
from ostler.core.containers import EVERYWHERE, contained
from ostler.core.naming import Named
from ostler.nouns import Container, Image, LaunchSpec, Mount, Place, Workload
from ostler.ports import Engine
from ostler.store import Store
from ostler.verbs.describe import describe

NOBODY = "65534:65534"


def files_of(spec: LaunchSpec) -> tuple[Mount, ...]:
    """Return the files under the model's folder, each where its bytes are."""
    folder = Path(spec.model.folder)
    weights = Path(spec.model.weights)
    inside = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    beside = [weights] if weights.is_file() and weights not in inside else []
    found = sorted(one for one in (*inside, *beside) if one.is_file())
    return tuple(Mount(str(one.resolve()), str(one)) for one in found)


def user_of(spec: LaunchSpec) -> str:
    """Return who the engine runs as: the owner of the weights, who may read them; never root.

    Where root keeps the models, it is nobody: kept files may be read by everyone who gets to them.
    """
    try:
        owner = os.stat(spec.model.weights)
    except FileNotFoundError:
        return NOBODY
    return f"{owner.st_uid}:{owner.st_gid or 65534}" if owner.st_uid else NOBODY


def place(
    spec: LaunchSpec,
    image: Image,
    *,
    user: str | None = None,
    published: int | None = None,
    key_file: str | None = None,
    memory: int | None = None,
) -> Place:
    """Return what the container of a described process gets of this machine."""
    return Place(image, files_of(spec), user or user_of(spec), published, key_file, memory)


def written(
    named: Named,
    store: Store,
    engine: Engine,
    image: Image,
    workload: Workload,
    gpus: Sequence[str] = (),
    *,
    port: int,
    published: int | None = None,
    user: str | None = None,
    key_file: str | None = None,
) -> tuple[LaunchSpec, Container]:
    """Return the process that would serve a kept model in an image, and its container.

    Several GPUs mean tensor parallelism over all of them.
    """
    load = replace(workload, tensor_parallel=max(1, len(gpus)))
    inside = images.installed(image)
    spec = describe(named, store, engine, inside, load, EVERYWHERE, port)
    spec = replace(spec, devices=tuple(f"nvidia:{gpu}" for gpu in gpus))
    here = place(spec, image, user=user, published=published, key_file=key_file)
    return spec, contained(spec, here)
