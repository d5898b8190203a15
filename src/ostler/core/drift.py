"""Where wishes, files and what runs are not the same: each difference, with its reason.

Three things should say the same: what the operator wishes (`ostler.yaml`), what was written into
files for something else to start, and what runs. None of them is right by itself; a difference
is told with what would end it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Part = tuple[str, ...]  # keys that lead into a file; empty: the whole file


@dataclass(frozen=True, slots=True)
class Written:
    """What a command wrote into a file, and the words that would write it again."""

    path: str  # absolute; a folder where several files were written
    argv: tuple[str, ...]  # of `ostler`, without where to write
    hashes: Mapping[str, str]  # relative name -> SHA-256 of what was written; "" for a single file
    part: Part = ()  # what of the file is ours, such as ("services", "tiny")
    models: tuple[str, ...] = ()  # as they are served
    at: str = ""  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there of it now."""

    written: Written
    held: Mapping[str, str | None]  # relative name -> hash now; None: it is gone
    wanted: Mapping[str, str]  # relative name -> hash of what would be written now
    refused: str = ""  # why it would not be written at all any more


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a Compose file that starts an engine."""

    path: str
    name: str
    weights: str  # the folder or file that it is told to serve; empty: none is said
    ours: bool  # written by Ostler, and remembered


@dataclass(frozen=True, slots=True)
class Running:
    """A model that a process or a container of this home serves."""

    model: str
    state: str  # "ready", "failed", "exited", ...
    where: str  # "server", "container NAME"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A container that was started from a Compose file."""

    path: str
    service: str
    running: bool
    code: int  # with which it ended, where it does not run


@dataclass(frozen=True, slots=True)
class Side:
    """Everything that is compared."""

    kept: Collection[str]  # every name of every kept model
    roots: Collection[str] = ()  # where kept weights lie
    wished: Collection[str] = ()  # models that ostler.yaml names
    promised: Collection[str] = ()  # of these, fetched when they are first asked for
    preload: Sequence[str] = ()
    seen: Sequence[Seen] = ()
    services: Sequence[Service] = ()
    running: Sequence[Running] | None = None  # None: no server runs, so nothing is known
    containers: Sequence[Composed] = ()  # of the files that Ostler wrote services into
    named: Mapping[str, Collection[str]] = field(default_factory=dict)  # path -> its services
    ours: Collection[tuple[str, str]] = ()  # (path, service) that Ostler put there
    unmet: Sequence[str] = ()  # wishes that the server says cannot be met
    begun: Sequence[tuple[str, Sequence[str]]] = ()  # (model, stages) of a killed `ostler add`


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the others say."""

    kind: str  # "file_gone", "file_edited", "file_stale", "file_orphan", "service_unknown", ...
    where: str  # a path, with the part; "ostler.yaml"; "server"; "container NAME"
    what: str
    fix: str = ""  # the command that ends it; empty: `ostler sync` does
    written: Written | None = field(default=None, compare=False)


def drift(side: Side) -> tuple[Difference, ...]:
    """Return every difference, files first; none means that all is in sync."""
    return (
        *(one for seen in side.seen for one in _file(seen, side.kept)),
        *_services(side), *_wishes(side), *_running(side), *_containers(side),
        *(_begun(model, stages) for model, stages in side.begun),
    )  # fmt: skip


def _begun(model: str, stages: Sequence[str]) -> Difference:
    what = f"Adding {model} was broken off after: {', '.join(stages)}."
    return Difference("add_unfinished", f"ostler add {model}", what, f"ostler add {model} goes on")


def place(written: Written, name: str = "") -> str:
    """Return how a file is shown: with the file in its folder, or with the part of it."""
    path = f"{written.path}/{name}" if name else written.path
    return f"{path}: {'.'.join(written.part)}" if written.part else path


def is_orphan(seen: Seen, kept: Collection[str]) -> bool:
    """Say whether a file was written for models of which none is kept any more.

    A file that cannot be written again for any other reason, such as a hub that does not answer,
    is no orphan: it stays.
    """
    models = seen.written.models
    return bool(seen.refused and models) and not any(name in kept for name in models)


def _file(seen: Seen, kept: Collection[str]) -> list[Difference]:
    written = seen.written
    if seen.refused:
        if all(held is None for held in seen.held.values()):
            return []  # neither there nor wanted
        if is_orphan(seen, kept):
            what = f"It can no longer be written: {seen.refused}"
            return [Difference("file_orphan", place(written), what, written=written)]
        what = f"What it would say now is not known: {seen.refused}"
        again = "ostler sync --check, when that is mended"
        return [Difference("file_unsure", place(written), what, again, written)]
    found = []
    for name in sorted({*written.hashes, *seen.wanted}):
        held, wrote = seen.held.get(name), written.hashes.get(name)
        wanted = seen.wanted.get(name)
        where = place(written, name)
        if held == wanted:
            continue
        if held is None:
            found.append(Difference("file_gone", where, "It was written and is gone."))
        elif wanted is None:
            found.append(Difference("file_orphan", where, "It would not be written any more."))
        elif held == wrote:
            what = "What would run is something else now than when it was written."
            found.append(Difference("file_stale", where, what))
        else:
            found.append(Difference("file_edited", where, "Somebody changed it since."))
    return [Difference(one.kind, one.where, one.what, one.fix, written) for one in found]


def _services(side: Side) -> list[Difference]:
    """Services that serve weights which no kept model has."""
    found = []
    for one in side.services:
        inside = any(
            one.weights == root or one.weights.startswith(f"{root}/") for root in side.roots
        )
        if one.ours or inside:
            continue
        what = f"It serves {one.weights or 'a model'}, and no model that is kept here lies there."
        fix = f"ostler sync --prune -f {one.path}  # or ostler import the model"
        found.append(Difference("service_unknown", f"{one.path}: services.{one.name}", what, fix))
    return found


def _wishes(side: Side) -> list[Difference]:
    missing = sorted(
        name for name in side.wished if name not in side.kept and name not in side.promised
    )
    found = [
        Difference("wish_missing", "ostler.yaml", f"It names {name}, which is not kept here.",
                   f"ostler pull {name}")
        for name in missing
    ]  # fmt: skip
    return found + [Difference("wish_unmet", "ostler.yaml", why, "ostler ps") for why in side.unmet]


def _running(side: Side) -> list[Difference]:
    found = []
    up = {one.model: one for one in side.running or ()}
    for name in side.preload if side.running is not None else ():
        one = up.get(name)
        if name in side.kept and (one is None or one.state in ("failed", "stopped")):
            state = f"is {one.state}" if one else "is not loaded"
            why = f": {one.why}" if one and one.why else ""
            found.append(
                Difference("not_running", "server", f"{name} is preloaded and {state}{why}.",
                           f"ostler load {name}")
            )  # fmt: skip
    for one in side.running or ():
        if one.model not in side.kept and one.state not in ("failed", "stopped"):
            what = f"{one.model} runs, and is not kept here any more."
            found.append(Difference("runs_unknown", one.where, what, f"ostler stop {one.model}"))
    return found


def _containers(side: Side) -> list[Difference]:
    """Containers whose service is no longer in their file, and ours that broke down."""
    found = []
    for one in side.containers:
        where = f"container of {one.service}, from {one.path}"
        up = f"docker compose -f {one.path} up -d"
        if one.service not in side.named.get(one.path, ()):
            what = "It was started from a service that the file no longer has."
            found.append(Difference("runs_unknown", where, what, f"{up} --remove-orphans"))
        elif (one.path, one.service) in side.ours and not one.running and one.code:
            what = f"It ended with {one.code}."
            found.append(Difference("not_running", where, what, f"{up} {one.service}"))
    return found


def engine_services(path: str, data: Any, ours: Collection[str]) -> list[Service]:
    """Return the services of a Compose file that are told which weights to serve."""
    services = data.get("services") if isinstance(data, dict) else None
    found = []
    for name, said in services.items() if isinstance(services, dict) else ():
        command = said.get("command") if isinstance(said, dict) else None
        words = command.split() if isinstance(command, str) else command
        words = [str(word) for word in words] if isinstance(words, list) else []
        weights = _told(words, _volumes(said) if words else {})
        if weights is not None:
            found.append(Service(path, str(name), weights, str(name) in ours))
    return found


FLAGS = ("--model", "-m", "--model-path", "--model-id")


def _told(words: Sequence[str], volumes: Mapping[str, str]) -> str | None:
    """Return the weights that a command names, as a path of the host; None: it names none."""
    named = [words[i + 1] for i, word in enumerate(words[:-1]) if word in FLAGS]
    named += [
        word.partition("=")[2]
        for word in words
        if word.partition("=")[0] in FLAGS[:1] and "=" in word
    ]
    if not named:
        return None
    inside = named[0].rstrip("/")
    for target, source in sorted(volumes.items(), key=lambda pair: -len(pair[0])):
        if inside == target or inside.startswith(f"{target}/"):
            return source + inside[len(target) :]
    files = (volumes[target] for target in sorted(volumes) if target.startswith(f"{inside}/"))
    return next(files, inside)  # a folder whose files are mounted one by one, as Ostler does


def _volumes(said: Mapping[str, Any]) -> dict[str, str]:
    """Return where the host's folders are inside: target -> source."""
    found: dict[str, str] = {}
    for one in said.get("volumes") or ():
        if isinstance(one, dict) and one.get("source") and one.get("target"):
            found[str(one["target"]).rstrip("/")] = str(one["source"]).rstrip("/")
        elif isinstance(one, str) and ":" in one:
            source, target = one.split(":")[:2]
            found[target.rstrip("/")] = source.rstrip("/")
    return found
