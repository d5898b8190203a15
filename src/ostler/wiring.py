"""The only module that names a concrete adapter. Faces ask here for what they need."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core.naming import Named, find, served_names
from ostler.errors import ContainersUnavailable, UnknownModel, UsageError
from ostler.nouns import Manifest, ModelRef
from ostler.settings import Settings
from ostler.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ostler.core.drift import Composed
    from ostler.nouns import Device, Image, Installed, LaunchSpec, Measurement, Place
    from ostler.ports import Engine, Launcher, Process, Source
    from ostler.records.notes import Notes
    from ostler.records.records import Records
    from ostler.sources.huggingface.greeting import Greeting
    from ostler.store.benchmarks import Benchmarks
    from ostler.verbs.learning import Reading
    from ostler.verbs.prepare import Machine

PLACED = ("folder", "git")  # sources whose models have a place instead of a name there


def store(settings: Settings) -> Store:
    """Return the store of this home."""
    return Store(settings.home)


def source(settings: Settings, endpoint: str | None = None, ref: ModelRef | None = None) -> Source:
    """Return where to fetch from: the hub, or the source that the reference names.

    The user's token goes along if there is one. Several endpoints, by commas, are mirrors; the
    token is for the first, and no mirror sees it. Offline, a folder is the only one that is asked.
    Raises UsageError for a reference without the place that its source needs.
    """
    if settings.offline and not (ref and ref.source == "folder"):
        from ostler.sources.offline import Offline

        return Offline(_offline_by(settings))
    if ref and ref.source != "hf":
        return _other_source(ref, endpoint)
    from ostler.sources.huggingface import HuggingFace, stored_token

    first, *mirrors = (one.strip() for one in (endpoint or settings.endpoint).split(","))
    hub = HuggingFace(first, stored_token())
    if not mirrors:
        return hub
    from ostler.sources.mirrors import Mirrors

    return Mirrors([hub, *(HuggingFace(one) for one in mirrors)])


def _offline_by(settings: Settings) -> str:
    """Return what made us offline, as a user set it."""
    said = settings.origins.get("offline", "")
    return "--offline" if said in ("", "flag", "default") else said


def source_of(settings: Settings, manifest: Manifest, endpoint: str | None = None) -> Source:
    """Return where a kept model came from."""
    came = manifest.origin or None
    ref = ModelRef(manifest.name, source=manifest.source, place=came)
    return source(settings, endpoint or (None if ref.source in PLACED else came), ref)


def origin(settings: Settings, ref: ModelRef, endpoint: str | None = None) -> str:
    """Return the address that a kept model will say it came from."""
    if ref.source == "ms":
        from ostler.sources.modelscope import home

        return endpoint or home()
    return ref.place or (endpoint or settings.endpoint).partition(",")[0]


def _other_source(ref: ModelRef, endpoint: str | None) -> Source:
    if ref.source == "ms":
        from ostler.sources import modelscope

        return modelscope.ModelScope(endpoint or modelscope.home(), modelscope.stored_token())
    if ref.place is None:
        example = {"folder": "folder:/srv/models/name", "git": "git:https://host/owner/name"}
        raise UsageError(
            f"{ref} is the name of a kept model, not a place to fetch from.",
            hint=f"Write the place, for example {example[ref.source]}.",
        )
    if ref.source == "folder":
        from ostler.sources.folder import Folder

        return Folder(ref.place)
    from ostler.sources.git import GitRemote

    return GitRemote(ref.place)


def records(settings: Settings) -> Records:
    """Open the records: keys, events, attempts, measurements, usage. Raises RecordsUnavailable."""
    from ostler.records.records import Records

    return Records(settings.home, settings.database)


def notes(settings: Settings) -> Notes | Records:
    """Open the records for writing alone, at once where they are a file in the home.

    Raises RecordsUnavailable.
    """
    from ostler.records.notes import Notes, OtherTables

    if settings.database:
        return records(settings)
    try:
        return Notes(settings.home)
    except OtherTables:
        return records(settings)


def has_records(settings: Settings) -> bool:
    """Say whether anything was ever written down; asking makes no records."""
    return bool(settings.database) or (settings.home / "ostler.db").exists()


def reading() -> Reading:
    """Return how this machine says what a running engine takes."""
    from ostler.probe.processes import gpu_memory_of, memory_of
    from ostler.verbs.learning import Reading

    return Reading(memory_of, gpu_memory_of)


def engines(settings: Settings, run_dir: str | None = None) -> tuple[Engine, ...]:
    """Return every engine that Ostler can start; `run_dir` is for those that start elsewhere."""
    from ostler.engines.infinity import Infinity
    from ostler.engines.llamacpp import AmpereLlamaCpp, LlamaCpp
    from ostler.engines.mlx import Mlx
    from ostler.engines.sglang import Sglang
    from ostler.engines.transformers import Transformers
    from ostler.engines.triton import Triton
    from ostler.engines.vllm import Vllm

    run_dir = run_dir or str(settings.run_dir)
    return (
        *(LlamaCpp(), AmpereLlamaCpp(), Vllm(), Sglang()),
        *(Mlx(run_dir), Transformers(run_dir), Infinity(), Triton(run_dir)),
    )


def engine(settings: Settings, name: str, run_dir: str | None = None) -> Engine:
    """Return one engine. Raises UsageError for a name that none has."""
    known = {one.name: one for one in engines(settings, run_dir)}
    if name not in known:
        raise UsageError(
            f"There is no engine {name!r}; there are {', '.join(known)}.", hint="ostler engine ls"
        )
    return known[name]


def tools(settings: Settings) -> tuple[Installed, ...]:
    """Return the programs that make weights smaller, as far as they are installed here."""
    from ostler.launchers import tools

    return tools.tools(settings.engines_dir)


def benchmarks(settings: Settings) -> Benchmarks:
    """Return the results of `ostler bench`."""
    from ostler.store.benchmarks import Benchmarks

    return Benchmarks(settings.home / "benchmarks")


def launcher(settings: Settings | None = None, lasts: float = 0.0) -> Launcher:
    """Return what makes a described process real on this machine.

    With settings it outlives us by so many seconds, in which another server may take it over.
    """
    from ostler.launchers.holding import Lasting
    from ostler.launchers.process import ProcessLauncher

    return ProcessLauncher(Lasting(_held(settings), lasts) if settings and lasts else None)


def engine_port(settings: Settings) -> int:
    """Return a free port for an engine of this home. Raises PortInUse, UsageError."""
    from ostler.launchers.ports import free_port, of_home
    from ostler.verbs.hold import HOST

    return free_port(HOST, of_home(settings.engine_ports, settings.home))


def _held(settings: Settings) -> Path:
    return settings.run_dir / "engines"


def containers(
    settings: Settings,
    images: Mapping[str, Image],
    lasts: float = 0.0,
    memory: int | None = None,
) -> Launcher:
    """Return what makes a described process real in its engine's image.

    `memory` is the limit in bytes beyond which a container is killed.
    Raises ContainersUnavailable where nothing runs containers here.
    """
    from ostler.launchers.container import ContainerLauncher
    from ostler.launchers.holding import Lasting
    from ostler.verbs.containing import place

    def placed(spec: LaunchSpec) -> Place:
        user = settings.container_user or None
        return place(spec, images[spec.engine], user=user, memory=memory)

    lasting = Lasting(_held(settings), lasts) if lasts else None
    return ContainerLauncher(_socket(settings), placed, str(settings.home), lasting)


async def sweep(settings: Settings, keep: Collection[str] | None = None) -> None:
    """Remove containers that a dead one of us left; None keeps those that were to outlive it."""
    from ostler.launchers.container import sweep

    await sweep(_socket(settings), str(settings.home), keep, _held(settings))


async def contained(settings: Settings, id: str, spec: LaunchSpec, log: str) -> Process | None:
    """Return an engine in a container that an earlier server started, if it still runs.

    None also where another server answers for it.
    """
    from ostler.errors import EngineFailed
    from ostler.launchers.container import running
    from ostler.launchers.holding import Held

    try:
        held = Held(_held(settings) / f"{spec.port}.lock")
    except EngineFailed:
        return None
    return await running(_socket(settings), id, spec, log, held)


async def composed(settings: Settings, paths: Sequence[str]) -> list[Composed]:
    """Return the containers that `docker compose` started from these files; none without Docker."""
    from ostler.launchers.composed import composed

    try:
        return await composed(_socket(settings), paths)
    except ContainersUnavailable:
        return []


def container_socket(settings: Settings) -> str:
    """Return where containers are asked for. Raises ContainersUnavailable."""
    return _socket(settings)


def greeting(settings: Settings) -> tuple[str, bool, Greeting]:
    """Greet the first hub: its address, whether we showed a token, and its answer."""
    from ostler.sources.huggingface import stored_token
    from ostler.sources.huggingface.greeting import greet

    first, token = settings.endpoint.split(",")[0].strip(), stored_token()
    return first, token is not None, greet(first, token)


def _socket(settings: Settings) -> str:
    from ostler.launchers.docker import socket_of

    return socket_of(settings.container_socket, os.environ)


def running(
    settings: Settings, pid: int, began: float, spec: LaunchSpec, log: str
) -> Process | None:
    """Return an engine that an earlier server started, if it still runs and is nobody else's."""
    from ostler.errors import EngineFailed
    from ostler.launchers import lasting
    from ostler.launchers.holding import Held

    if not lasting.can_last() or lasting.began(pid) != began:
        return None
    try:
        held = Held(_held(settings) / f"{spec.port}.lock")
    except EngineFailed:
        return None
    return lasting.LastingProcess(pid, spec, log, held)


def began(pid: int) -> float | None:
    """When a process began; None: it is gone, or this system cannot tell."""
    from ostler.launchers import lasting

    return lasting.began(pid) if lasting.can_last() else None


def devices() -> Sequence[Device]:
    """Return this machine's devices with what is free on them now."""
    from ostler.probe import probe

    return probe().devices


def installed(settings: Settings, engine: str) -> Installed | None:
    """Return the build of an engine that this machine would run; None: there is none."""
    from ostler.core.choosing import pick
    from ostler.launchers.discovery import installed
    from ostler.probe import probe

    return pick(installed(settings.engines_dir), engine, probe())


def machine(settings: Settings, *, remembers: bool = True) -> Machine:
    """Look at this machine: its devices, which engines are installed, what was measured here.

    Without `remembers` the records stay closed: opening them takes a quarter of a second.
    """
    from ostler.core.choosing import pick
    from ostler.launchers.discovery import installed
    from ostler.probe import probe
    from ostler.verbs.licensing import gate
    from ostler.verbs.prepare import Machine

    hardware, known, found = probe(), engines(settings), installed(settings.engines_dir)
    picked = {one.name: pick(found, one.name, hardware) for one in known}
    permit = gate(settings.home, settings.licence_use, settings.licence_policy)
    one = Machine(hardware, known, {name: one for name, one in picked.items() if one}, permit)
    if not (remembers and has_records(settings)):
        return one

    def measured(model: str, family: str | None, engine: str) -> tuple[Measurement, ...]:
        with closing(records(settings)) as opened:
            return opened.measurements.about(model, family, engine)

    return replace(one, measured=measured)


def named(settings: Settings, text: str) -> Named:
    """Return the kept model that a text means. Raises BadRef, UnknownModel, UsageError."""
    kept = store(settings)
    names = served_names(kept.models())
    exact = find(names, text)
    if exact:
        return exact
    from ostler.core.refs import parse

    manifest, variant = kept.resolve(parse(text))
    for one in names:
        if (one.manifest.commit, one.variant) == (manifest.commit, variant):
            return one
    raise UnknownModel(f"{text} is not kept here.", hint=f"ostler pull {text}")


def gpuhunt_items(providers: tuple[str, ...]) -> Iterable[object]:
    """Return what the library gpuhunt offers. Raises UsageError where it is absent."""
    from ostler.clouds import gpuhunt

    return gpuhunt.items(providers)


def log_path(settings: Settings, model: str) -> Path:
    """Return the log file of a model's engine."""
    plain = model.replace("/", "--").replace("#", "--").replace("@", "--")
    return settings.logs_dir / f"{plain}.log"
