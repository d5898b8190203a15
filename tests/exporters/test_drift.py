"""What runs and what is written down are the same: each form is read back and held against it.

`up` sends Docker the request of `launchers/requests.py`; the others are files and commands. Every
one is read by the rules of its own consumer, and must give the container that it was made from.
"""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import images
from ostler.core.containers import EVERYWHERE, contained
from ostler.core.visible import visible
from ostler.engines.llamacpp import LlamaCpp
from ostler.engines.mlx import Mlx
from ostler.engines.sglang import Sglang
from ostler.engines.transformers import Transformers
from ostler.engines.triton import Triton
from ostler.engines.vllm import Vllm
from ostler.exporters import commands, compose, quadlet, systemd
from ostler.launchers import requests
from ostler.launchers.process import environment
from ostler.nouns import (
    Container,
    Format,
    Image,
    LaunchSpec,
    ModelFacts,
    Mount,
    Place,
    Served,
    Task,
    Workload,
)
from ostler.ports import Engine

ROOT = Path(__file__).resolve().parents[2]
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10, 100, "BF16")
MODEL = Served("acme/tiny@v1#q8", "/h/views/t", "/h/views/t/a", Task.CHAT, FACTS)
FILES = (Mount("/h/blobs/ab", "/h/views/t/a"), Mount("/h/blobs/cd", "/h/views/t/sub/b.json"))
ENGINES: tuple[Engine, ...] = (
    LlamaCpp(), Vllm(), Sglang(), Triton("/h/run"), Mlx("/h/run"), Transformers("/h/run"),
)  # fmt: skip
REST = {"mlx": ("mlx_lm.server",), "transformers": ("transformers", "serve")}


@dataclass(frozen=True)
class Read:
    """What a written form says."""

    image: str
    words: tuple[str, ...]
    env: dict[str, str]
    mounts: tuple[tuple[str, str], ...]  # all read-only
    ports: tuple[tuple[int, int], ...]  # of loopback
    user: str
    gpus: tuple[str, ...]
    ulimits: dict[str, int]
    cwd: str | None
    shm: int
    memory: int | None
    least: bool  # read-only root, no capability, no new privileges, an init


def meant(one: Container) -> Read:
    """What every form has to say."""
    return Read(
        one.image, one.entrypoint + one.command, dict(one.env), tuple(one.binds), tuple(one.ports),
        one.user, one.gpus, dict(one.ulimits), one.cwd, one.shm_bytes, one.memory, True,
    )  # fmt: skip


def by_request(one: Container) -> Read:
    """As `up` sends it to Docker."""
    said = requests.docker(one, {})
    host = said["HostConfig"]
    asked = host.get("DeviceRequests") or [{"DeviceIDs": [], "Capabilities": [["gpu"]]}]
    assert asked[0]["Capabilities"] == [["gpu"]]
    return Read(
        said["Image"],
        tuple(said["Entrypoint"] + said["Cmd"]),
        dict(pair.split("=", 1) for pair in said["Env"]),
        tuple((m["Source"], m["Target"]) for m in host["Mounts"] if m["ReadOnly"]),
        tuple((int(b[0]["HostPort"]), int(port.partition("/")[0]))
              for port, b in host["PortBindings"].items() if b[0]["HostIp"] == "127.0.0.1"),
        said["User"],
        tuple(asked[0]["DeviceIDs"]),
        {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]},
        said["WorkingDir"] or None,
        host["ShmSize"],
        host.get("Memory"),
        (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"], host["Init"])
        == (True, ["ALL"], ["no-new-privileges"], True),
    )  # fmt: skip


def by_compose(one: Container) -> Read:
    """As Compose reads its file: `$$` is a dollar."""
    said = yaml.safe_load(compose.document({"m": one}))
    svc = said["services"]["m"]
    secrets = tuple(
        (said["secrets"][n]["file"], f"/run/secrets/{n}") for n in svc.get("secrets", ())
    )
    deploy = svc.get("deploy", {"resources": {"reservations": {"devices": [{"device_ids": []}]}}})
    return Read(
        svc["image"],
        tuple(undollar(word) for word in svc["entrypoint"] + svc["command"]),
        {name: undollar(value) for name, value in svc["environment"].items()},
        tuple((undollar(v["source"]), undollar(v["target"])) for v in svc["volumes"]
              if v["read_only"]) + secrets,
        tuple(port_of(text) for text in svc["ports"]),
        svc["user"],
        tuple(deploy["resources"]["reservations"]["devices"][0]["device_ids"]),
        svc.get("ulimits", {}),
        svc.get("working_dir"),
        svc["shm_size"],
        svc.get("mem_limit"),
        (svc["read_only"], svc["cap_drop"], svc["security_opt"], svc["init"])
        == (True, ["ALL"], ["no-new-privileges:true"], True),
    )  # fmt: skip


def by_command(one: Container, write: Callable[[Container, str], str]) -> Read:
    """As a shell and then Docker or Podman read the command."""
    text = write(one, "name")
    text = text[text.index(f"{write.__name__} run") :].replace("\\\n", " ")
    return by_words(shlex.split(text), one)


def by_words(words: list[str], one: Container) -> Read:
    """As Docker or Podman read their words: options, the image, the rest."""
    at = words.index(one.image)
    options, flags = options_of(words[2:at])
    said = {name: values[-1] for name, values in options.items()}
    gpus = said.get("gpus", "")
    devices = tuple(v.removeprefix("nvidia.com/gpu=") for v in options.get("device", []))
    return Read(
        one.image,
        (said["entrypoint"], *words[at + 1 :]),
        dict(pair.split("=", 1) for pair in options.get("env", [])),
        tuple(mount_of(text) for text in options.get("mount", [])),
        tuple(port_of(text) for text in options["publish"]),
        said["user"],
        tuple(gpus.strip('"').removeprefix("device=").split(",")) if gpus else devices,
        {k: int(v) for k, v in (pair.split("=") for pair in options.get("ulimit", []))},
        said.get("workdir"),
        bytes_of(said["shm-size"]),
        bytes_of(said["memory"]) if "memory" in said else None,
        {"init", "read-only"} <= flags
        and (said["cap-drop"].upper(), said["security-opt"]) == ("ALL", "no-new-privileges"),
    )


def options_of(words: list[str]) -> tuple[dict[str, list[str]], set[str]]:
    """Split options into those with a value and those without."""
    bare = {"rm", "init", "read-only", "replace", "d"}
    options: dict[str, list[str]] = {}
    flags: set[str] = set()
    rest = iter(words)
    for word in rest:
        name, has, value = word.lstrip("-").partition("=")
        if name in bare:
            flags.add(name)
        else:
            options.setdefault(name, []).append(value if has else next(rest))
    return options, flags


def mount_of(text: str) -> tuple[str, str]:
    fields = next(csv.reader([text]))
    assert fields[-1] in ("readonly", "ro=true", "ro")
    said = dict(field.split("=", 1) for field in fields[:-1])
    return said["source"], said["target"]


def port_of(text: str) -> tuple[int, int]:
    address, outside, inside = text.split(":")
    assert address == "127.0.0.1"
    return int(outside), int(inside)


def bytes_of(text: str) -> int:
    return int(text[:-1]) << 30 if text.endswith("G") else int(text)


def undollar(text: str) -> str:
    assert "$" not in text.replace("$$", "")  # Compose would look for a variable there
    return text.replace("$$", "$")


def inside(engine: str) -> Image:
    if engine in REST:
        return Image(engine, "sha256:" + "a" * 64, "1", REST[engine])
    return images.image(engine)


def example(engine: Engine, gpus: tuple[str, ...] = ("0", "1")) -> tuple[LaunchSpec, Container]:
    image = inside(engine.name)
    load = Workload(context=4096, sequences=2, tensor_parallel=max(1, len(gpus)))
    spec = engine.launch(images.installed(image), MODEL, load, EVERYWHERE, 8000)
    spec = replace(spec, devices=tuple(f"nvidia:{gpu}" for gpu in gpus))
    return spec, contained(spec, Place(image, FILES, "1000:1000", 8001, memory=3 << 30))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda one: one.name)
def test_every_form_says_the_same_of_every_engine(engine: Engine) -> None:
    _, one = example(engine)
    assert by_request(one) == meant(one)
    assert by_compose(one) == meant(one)
    assert by_command(one, commands.docker) == meant(one)
    assert by_command(one, commands.podman) == meant(one)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda one: one.name)
def test_a_container_runs_the_process_that_was_described(engine: Engine) -> None:
    """Word by word the same; only the model's folder and its own have other names inside."""
    spec, one = example(engine)
    home, work = "/models/acme/tiny", "/work"
    words = [w.replace(MODEL.folder, home).replace(spec.cwd or "\0", work) for w in spec.argv]
    assert [*one.entrypoint, *one.command] == words
    assert {k: v for k, v in one.env.items() if k not in ("HOME", "USER")} == {
        k: v.replace(spec.cwd or "\0", work) for k, v in spec.env.items()
    }
    assert {f"{home}/a", f"{home}/sub/b.json"} <= {target for _, target in one.binds}
    for name in spec.links:  # what a link leads to is there under the link's name
        assert f"{work}/{name}/sub/b.json" in {target for _, target in one.binds}
    assert [spec.cwd and f"{spec.cwd}/{name}" for name in spec.files] == list(one.texts)
    assert not any(MODEL.folder in text for text in (*one.command, *one.texts.values()))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda one: one.name)
def test_a_unit_and_a_shell_run_the_process_that_was_described(engine: Engine) -> None:
    spec, _ = example(engine)
    spec = replace(spec, host="127.0.0.1")
    unit = systemd.unit(spec, "anna").splitlines()
    (start,) = [line.removeprefix("ExecStart=") for line in unit if line.startswith("ExecStart=")]
    assert unsystemd(start) == list(spec.argv)
    set_ = [
        unsystemd(line.partition("=")[2])[0] for line in unit if line.startswith("Environment=")
    ]
    known = visible(spec.devices) | dict(spec.env)
    assert dict(one.split("=", 1) for one in set_) == known
    last = shlex.split(commands.shell(spec).splitlines()[-1])
    assert last == [*(f"{k}={v}" for k, v in sorted(known.items())), *spec.argv]
    assert known.items() <= environment(spec).items()


def unsystemd(line: str) -> list[str]:
    """Undo systemd's quoting: words as a shell splits them, with %% and $$ for % and $."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
paths = words.filter(lambda text: "/" not in text and not set(text) <= {"."})


@given(st.lists(words, max_size=4), st.dictionaries(st.sampled_from(["A", "B_1"]), words), paths)
def test_whatever_letters_there_are(more: list[str], env: dict[str, str], name: str) -> None:
    spec, _ = example(Vllm())
    spec = replace(spec, argv=(*spec.argv, *more), env=env)
    files = (Mount(f"/h/blobs/{name}", f"/h/views/t/{name}"),)
    place = Place(inside("vllm"), files, "1000:1000", key_file=None)
    one = contained(spec, place)
    for form in (by_request, by_compose):
        assert form(one) == meant(one)
    for write in (commands.docker, commands.podman):
        assert by_command(one, write) == meant(one)


# --- quadlets, read by Podman's own generator -------------------------------------------------


def generated(tmp_path: Path, one: Container) -> list[str]:
    """The words that systemd would run, as Podman's generator makes them of the quadlet."""
    program = ROOT / ".consumers/containers/usr/libexec/podman/quadlet"
    if not program.exists():
        pytest.skip("NO QUADLET GENERATOR: `make consumers` brings it")
    (tmp_path / "m.container").write_text(quadlet.quadlet(one, "m", "acme/tiny"))
    done = subprocess.run(
        [program, "-dryrun", "-no-kmsg-log"], env={"QUADLET_UNIT_DIRS": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ExecStart=")]
    assert "ExecStart" in line
    return unsystemd(line.removeprefix("ExecStart="))


ODD = "50% of $HOME 'a' \"b\" \\ c,d"


@pytest.mark.parametrize("engine", ENGINES, ids=lambda one: one.name)
def test_podmans_generator_makes_the_same_of_a_quadlet(engine: Engine, tmp_path: Path) -> None:
    spec, _ = example(engine)
    spec = replace(spec, argv=(*spec.argv, ODD), env={**spec.env, "ODD": ODD})
    files = (*FILES, Mount("/h/blobs/$a %b", "/h/views/t/c d$e %f"))
    place = Place(inside(spec.engine), files, "1000:1000", 8001, memory=3 << 30)
    one = contained(spec, place)
    words = generated(tmp_path, one)
    assert by_words(words, one) == meant(one)
    health = [word for word in words if word.startswith("--health-cmd=")]
    assert json.loads(health[0].partition("=")[2]) == list(one.probe)
