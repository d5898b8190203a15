"""The one command that starts a described process: for a shell, for Docker or for Podman."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping

from ostler.core.visible import visible
from ostler.nouns import Container, LaunchSpec

GIB = 1 << 30


def shell(spec: LaunchSpec) -> str:
    """Return the command as a process of this machine, its environment before it.

    Where it needs a working folder, what makes that comes first.
    """
    known = {**visible(spec.devices), **spec.env}
    env = [f"{name}={shlex.quote(value)}" for name, value in sorted(known.items())]
    links = [
        f"mkdir -p {_folder(f'{spec.cwd}/{name}')} && "
        f"ln -sfn {shlex.quote(target)} {shlex.quote(f'{spec.cwd}/{name}')}"
        for name, target in sorted(spec.links.items())
    ]
    enter = [f"cd {shlex.quote(spec.cwd)}"] if spec.cwd else []
    written = files({f"{spec.cwd}/{name}": text for name, text in spec.files.items()})
    return "\n".join([*links, *written, *enter, " ".join([*env, shlex.join(spec.argv)])])


def files(texts: Mapping[str, str]) -> list[str]:
    """Return the commands that write small files, which the process reads."""
    return [
        f"mkdir -p {_folder(path)} && printf %s {shlex.quote(text)} > {shlex.quote(path)}"
        for path, text in sorted(texts.items())
    ]


def _folder(path: str) -> str:
    return shlex.quote(path.rpartition("/")[0])


def docker(one: Container, name: str) -> str:
    """Return the `docker run` command, after what writes the files that it mounts."""
    gpus = [("--gpus", f'"device={",".join(one.gpus)}"')] if one.gpus else []
    return _run("docker", name, one, gpus)


def podman(one: Container, name: str) -> str:
    """Return the `podman run` command; its GPUs are named as the Container Device Interface does.

    It keeps the caller's own user in a rootless container, who may read the weights.
    """
    gpus = [("--device", f"nvidia.com/gpu={index}") for index in one.gpus]
    return _run("podman", name, one, gpus)


def _run(program: str, name: str, one: Container, gpus: Iterable[tuple[str, str]]) -> str:
    """Each option on a line of its own, so that a reader finds it."""
    options = [(f"--{key}", value) for key, value in _options(name, one)]
    lines = [_line(*pair) for pair in (*options, *gpus)]
    first, *rest = one.entrypoint
    lines += [_line("--entrypoint", first), shlex.quote(one.image)]
    lines.append(shlex.join([*rest, *one.command]))
    command = " \\\n  ".join([f"{program} run --rm --init --read-only", *lines])
    return "\n".join([*files(one.texts), command])


def _options(name: str, one: Container) -> list[tuple[str, str]]:
    found = [("name", name), ("user", one.user)]
    found += [("publish", f"127.0.0.1:{outside}:{inside}") for outside, inside in one.ports]
    found += [("cap-drop", "ALL"), ("security-opt", "no-new-privileges")]
    found += [("shm-size", size(one.shm_bytes))]
    found += [("memory", size(one.memory))] if one.memory else []
    found += [("ulimit", f"{key}={value}") for key, value in one.ulimits.items()]
    found += [("tmpfs", f"{folder}:exec,mode=1777") for folder in one.scratch]
    found += [("stop-timeout", str(one.grace))]
    found += [("workdir", one.cwd)] if one.cwd else []
    found += [("env", f"{key}={value}") for key, value in one.env.items()]
    return found + [("mount", mount(source, target)) for source, target in one.binds]


def mount(source: str, target: str) -> str:
    """Return the value of `--mount`, which is a line of CSV."""
    out = io.StringIO()
    fields = ("type=bind", f"source={source}", f"target={target}", "readonly")
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()


def size(count: int) -> str:
    """Write a number of bytes as both programs read it."""
    return f"{count // GIB}G" if count % GIB == 0 else str(count)


def _line(option: str, value: str) -> str:
    joined = "=" if option in ("--shm-size",) else " "
    return f"{option}{joined}{shlex.quote(value)}"
