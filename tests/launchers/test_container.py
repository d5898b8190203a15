"""Engines in containers of a real dockerd: the launcher contract, and what only containers have."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from ostler.core import images
from ostler.engines.llamacpp import LlamaCpp
from ostler.errors import ContainersUnavailable, EngineFailed, EngineUnsupported
from ostler.launchers import container
from ostler.launchers.container import ContainerLauncher
from ostler.launchers.docker import refused
from ostler.launchers.holding import Held
from ostler.launchers.ports import free_port
from ostler.nouns import Image, LaunchSpec, Mount, Place, Workload
from ostler.testing import tiny
from ostler.testing.dockerd import Dockerd, Unavailable, ask, containers
from ostler.testing.engine_image import PYTHON
from ostler.testing.launchers import LauncherContract, reading, rest_of, spec_of, started
from ostler.testing.podman import podman as run_podman
from ostler.verbs import containing
from ostler.verbs.asking import ask as ask_http
from ostler.verbs.start import start

PORT = 20000 + os.getpid() % 1000  # containers publish it, and runs beside this one have others
PUPPET = (PYTHON, "-I", "-m", "ostler.testing.puppet")
NOBODY = "65534:65534"


def puppets(docker: Dockerd) -> Image:
    """The image, with a puppet as what it starts."""
    return replace(docker.image, engine="puppet", words=PUPPET[:-1])


def puppet(folder: Path) -> LaunchSpec:
    return spec_of(folder, start=PUPPET, port=PORT)


def launcher_of(docker: Dockerd, folder: Path, **place: Any) -> ContainerLauncher:
    """A launcher that gives a puppet its pipe."""

    def placed(spec: LaunchSpec) -> Place:
        pipe = str(folder / "pipe")
        return Place(puppets(docker), (Mount(pipe, pipe),), NOBODY, **place)

    return ContainerLauncher(docker.socket, placed, str(folder))


class Contained(LauncherContract):
    words = PUPPET

    def spec(self, folder: Path, *words: str, port: int = PORT) -> LaunchSpec:
        return super().spec(folder, *words, port=port)


class TestContainerLauncher(Contained):
    @pytest.fixture
    def launcher(self, docker: Dockerd, tmp_path: Path) -> ContainerLauncher:
        return launcher_of(docker, tmp_path)

    def test_nothing_is_left_of_any(self, launcher: ContainerLauncher, docker: Dockerd) -> None:
        assert containers(docker.socket) == []


class TestPodmanLauncher(Contained):
    """The same of a real podman."""

    @pytest.fixture
    def launcher(self, podman: Dockerd, tmp_path: Path) -> ContainerLauncher:
        return launcher_of(podman, tmp_path)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """One that runs; where none can, the tests that need it are skipped with the reason."""
    unpacked = Path(__file__).resolve().parents[2] / ".consumers/containers"
    try:
        with run_podman(unpacked, tmp_path_factory.mktemp("podman")) as one:
            yield one
    except Unavailable as why:
        pytest.skip(f"NO PODMAN: {why}")


def test_podman_gives_gpus_by_the_names_of_their_interface(podman: Dockerd, tmp_path: Path) -> None:
    """`nvidia.com/gpu=1`, as NVIDIA's toolkit names them: it gets that one and no other."""
    look = "import os; print(sorted(n for n in os.environ if n.startswith('GIVEN_')))"
    assert output_of(podman, tmp_path, look, "nvidia:1") == "['GIVEN_1']"


def test_a_gpu_that_podman_does_not_know_is_told(podman: Dockerd, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed) as caught:
        output_of(podman, tmp_path, "pass", "nvidia:7")
    assert caught.value.facts["cause"] == "gpu_unavailable", caught.value.what
    assert "nvidia.com/gpu=7" in caught.value.what


def test_it_has_the_least_rights(docker: Dockerd, tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        one = launcher_of(docker, tmp_path)
        async with started(one, puppet(tmp_path)) as (process, _):
            return json.loads(ask(docker.socket, "GET", f"/containers/{process.container}/json")[1])

    said = asyncio.run(story())
    host, config = said["HostConfig"], said["Config"]
    assert (config["User"], host["ReadonlyRootfs"], host["Privileged"]) == (NOBODY, True, False)
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert [(m["Destination"], m["RW"]) for m in said["Mounts"]] == [
        ("/models/acme/puppet/pipe", False)
    ]
    assert host["PortBindings"] == {f"{PORT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]}
    assert (host["ShmSize"], host["RestartPolicy"]["Name"]) == (1 << 30, "no")
    assert config["Labels"]["ostler.home"] == str(tmp_path)
    assert not [one for one in config["Env"] if "TOKEN" in one or "OSTLER" in one]


@pytest.mark.parametrize("server", ["docker", "podman"])
def test_it_cannot_write_and_has_no_rights(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Said by the kernel, from inside: the root is read-only, no capability, no new privileges."""
    look = (
        "import os;s=open('/proc/self/status').read();w=lambda p:os.access(p,os.W_OK);"
        "print([l.split()[1] for l in s.splitlines() if l.startswith(('CapBnd','NoNewPrivs'))],"
        "os.getuid(),w('/'),w('/etc'),w('/tmp'))"
    )

    said = output_of(request.getfixturevalue(server), tmp_path, look)
    assert said == "['0000000000000000', '1'] 65534 False False True"


def described(docker: Dockerd, **work: Any) -> LaunchSpec:
    port = free_port("127.0.0.1", range(20000 + os.getpid() % 900, 21000))
    inside = images.installed(docker.image)
    return LlamaCpp().launch(
        inside, tiny.gguf(), Workload(threads=1, **work), container.EVERYWHERE, port
    )


def engines(docker: Dockerd, home: Path, **place: Any) -> ContainerLauncher:
    def placed(spec: LaunchSpec) -> Place:
        return replace(containing.place(spec, docker.image), **place)

    return ContainerLauncher(docker.socket, placed, str(home))


def test_a_real_engine_says_hello_in_a_container(docker: Dockerd, tmp_path: Path) -> None:
    spec = described(docker)

    async def story() -> tuple[str, int]:
        log = str(tmp_path / "log")
        process = await start(spec, engines(docker, tmp_path), log, engine=LlamaCpp())
        body = {"messages": [{"role": "user", "content": "Say hello"}], "temperature": 0}
        answer = await ask_http("127.0.0.1", spec.port, "POST", "/v1/chat/completions", body)
        return str(answer.json()["choices"][0]["message"]["content"]), await process.stop()

    assert asyncio.run(story()) == ("hello", 0)


def test_death_for_want_of_memory_is_told_apart(docker: Dockerd, tmp_path: Path) -> None:
    spec = described(docker, context=400_000)
    launcher = engines(docker, tmp_path, memory=64 << 20)
    with pytest.raises(EngineFailed) as caught:
        asyncio.run(start(spec, launcher, str(tmp_path / "log"), engine=LlamaCpp()))
    assert caught.value.facts["cause"] == "out_of_memory"
    assert "its limit of 64 MiB" in str(caught.value.facts["evidence"])
    assert containers(docker.socket) == []


def test_an_image_that_is_not_there_is_told(docker: Dockerd, tmp_path: Path) -> None:
    other = replace(docker.image, reference="sha256:" + "0" * 64)

    def placed(spec: LaunchSpec) -> Place:
        return containing.place(spec, other)

    launcher = ContainerLauncher(docker.socket, placed, str(tmp_path))
    with pytest.raises(EngineFailed, match="is not on this machine"):
        asyncio.run(launcher.start(described(docker), str(tmp_path / "log")))


def output_of(docker: Dockerd, folder: Path, words: str, *devices: str) -> str:
    """The last line that a Python program says in a container."""
    place = Place(replace(docker.image, words=(PYTHON, "-I")), (), NOBODY)
    one = ContainerLauncher(docker.socket, lambda _: place, str(folder))
    spec = replace(puppet(folder), argv=(PYTHON, "-I", "-c", words), devices=devices)

    async def story() -> None:
        assert await (await one.start(spec, str(folder / "log"))).wait() == 0

    asyncio.run(story())
    return (folder / "log").read_text().splitlines()[-1]


def test_gpus_are_given_by_their_ids(docker: Dockerd, tmp_path: Path) -> None:
    look = "import os; print(os.environ.get('NVIDIA_VISIBLE_DEVICES'))"
    assert output_of(docker, tmp_path, look, "nvidia:0", "nvidia:3") == "0,3"
    assert output_of(docker, tmp_path, look, "cpu") == "None"


def test_a_gpu_that_is_not_there_is_told(docker: Dockerd, tmp_path: Path) -> None:
    spec = replace(described(docker), devices=("nvidia:7",))
    with pytest.raises(EngineFailed) as caught:
        asyncio.run(engines(docker, tmp_path).start(spec, str(tmp_path / "log")))
    assert caught.value.facts["cause"] == "gpu_unavailable"
    assert "nvidia-smi -L" in caught.value.hint
    assert containers(docker.socket) == []


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "gpu_unavailable"),
        ("write /x: no space left on device", "disk_full"),
        ('invalid mount config for type "bind": bind source path does not exist', "missing_file"),
        ("something else", "container_refused"),
    ],
)
def test_each_refusal_has_its_word_and_a_next_step(said: str, cause: str) -> None:
    """In Docker's own words, as seen."""
    error = refused(httpx2.Response(500, json={"message": said}))
    assert (error.facts["cause"], said in error.what, bool(error.hint)) == (cause, True, True)


def test_other_gpus_than_nvidias_are_refused(docker: Dockerd, tmp_path: Path) -> None:
    spec = replace(described(docker), devices=("amd:0",))
    with pytest.raises(EngineUnsupported, match="NVIDIA's GPUs only"):
        asyncio.run(engines(docker, tmp_path).start(spec, str(tmp_path / "log")))


def test_without_a_server_of_containers_the_socket_is_named(tmp_path: Path) -> None:
    launcher = ContainerLauncher(
        str(tmp_path / "none.sock"), lambda _: Place(Image("puppet", "sha256:0", "", PUPPET), (),
        NOBODY), str(tmp_path),
    )  # fmt: skip
    with pytest.raises(ContainersUnavailable, match=r"none\.sock"):
        asyncio.run(launcher.start(puppet(tmp_path), str(tmp_path / "log")))


PARENT = """
import asyncio, sys
from pathlib import Path
from ostler.launchers.container import ContainerLauncher
from ostler.launchers.holding import Lasting
from ostler.nouns import Image, Mount, Place
from ostler.testing.launchers import spec_of

async def main(folder, socket, image, lasting, port, *words):
    pipe = str(Path(folder, "pipe"))
    place = Place(Image("puppet", image, "", words[:-1]), (Mount(pipe, pipe),), "65534:65534")
    lasts = Lasting(Path(folder, "locks"), float(lasting)) if lasting else None
    launcher = ContainerLauncher(socket, lambda spec: place, folder, lasts)
    spec = spec_of(Path(folder), start=words, port=int(port))
    process = await launcher.start(spec, folder + "/log")
    process.lasts()
    print(process.container, flush=True)
    await process.wait()

asyncio.run(main(*sys.argv[1:]))
"""


def parent(docker: Dockerd, folder: Path, how: str) -> tuple[subprocess.Popen[str], str]:
    """One of us that started a puppet and will be killed; and the container's id."""
    os.mkfifo(folder / "pipe")
    (folder / "pipe").chmod(0o666)
    argv = [sys.executable, "-c", PARENT, str(folder), docker.socket, docker.image.reference, how]
    argv.append(str(PORT))
    one = subprocess.Popen([*argv, *PUPPET], stdout=subprocess.PIPE, text=True)
    assert one.stdout
    return one, one.stdout.readline().strip()


def kill(one: subprocess.Popen[str]) -> None:
    one.send_signal(signal.SIGKILL)
    one.communicate()


def test_a_container_goes_with_who_started_it(docker: Dockerd, tmp_path: Path) -> None:
    async def story() -> bytes:
        async with reading(tmp_path / "pipe") as pipe:
            said = await pipe.readline()
            kill(one)
            return said + await rest_of(pipe)

    one, id = parent(docker, tmp_path, "")
    assert id in containers(docker.socket)
    assert asyncio.run(story()) == b"ready\n"
    until = time.monotonic() + 20
    while id in containers(docker.socket):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_that_lasts_is_taken_over_or_swept(docker: Dockerd, tmp_path: Path) -> None:
    one, id = parent(docker, tmp_path, "600")
    kill(one)
    spec = puppet(tmp_path)

    async def story() -> tuple[list[str], list[str], int, list[str]]:
        early = await container.sweep(docker.socket, str(tmp_path), keep=None)
        kept = await container.sweep(docker.socket, str(tmp_path), keep=(id,))
        held = Held(tmp_path / f"locks/{PORT}.lock")
        process = await container.running(docker.socket, id, spec, str(tmp_path / "log"), held)
        assert process
        code = await process.stop()
        assert await container.running(docker.socket, id, spec, str(tmp_path / "log")) is None
        return early, kept, code, containers(docker.socket)

    assert asyncio.run(story()) == ([], [], -15, [])


def test_one_that_lasts_goes_when_nobody_comes(docker: Dockerd, tmp_path: Path) -> None:
    one, id = parent(docker, tmp_path, "0.1")
    kill(one)
    until = time.monotonic() + 20
    while id in containers(docker.socket):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_that_was_taken_over_stays_with_its_new_owner(docker: Dockerd, tmp_path: Path) -> None:
    """Its first owner's reaper watches the second one's lock."""
    one, id = parent(docker, tmp_path, "600")
    kill(one)
    held = Held(tmp_path / f"locks/{PORT}.lock")

    async def story() -> int:
        process = await container.running(
            docker.socket, id, puppet(tmp_path), str(tmp_path / "log"), held
        )
        assert process
        return await process.stop()

    assert asyncio.run(story()) == -15
    assert not (tmp_path / f"locks/{PORT}.lock").exists()
    assert containers(docker.socket) == []


def test_one_that_lasts_and_is_not_wanted_is_swept(docker: Dockerd, tmp_path: Path) -> None:
    one, id = parent(docker, tmp_path, "600")
    alive = asyncio.run(container.sweep(docker.socket, str(tmp_path), keep=()))
    kill(one)
    other = asyncio.run(container.sweep(docker.socket, str(tmp_path / "other"), keep=()))
    locks = tmp_path / "locks"
    swept = asyncio.run(container.sweep(docker.socket, str(tmp_path), (), locks))
    assert (alive, other, swept) == ([], [], [id])
    assert containers(docker.socket) == []
    assert list(locks.iterdir()) == []
    until = time.monotonic() + 20
    while reapers(id):
        assert time.monotonic() < until, "its reaper goes with it"
        time.sleep(0.05)


def reapers(id: str) -> list[int]:
    found = psutil.process_iter(["pid", "cmdline"])
    return [one.info["pid"] for one in found if id in (one.info["cmdline"] or ())]
