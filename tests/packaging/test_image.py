"""Our Dockerfile, built by a real dockerd; a container of it serves, is healthy, and ends well.

The base is a stand-in (base_image.py), as tests ask no registry: that python:3.12-slim itself is
fit to be the base is not proven here.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.packaging.base_image import SETTINGS, write_base
from tests.packaging.conftest import Built
from tests.stories.conftest import CHAT, ROOT, Shell

from ostler.launchers.ports import free_port
from ostler.testing.dockerd import Dockerd

pytestmark = pytest.mark.timeout(600)  # the build takes 20 s on a machine that does nothing else
PATIENCE = 60.0  # seconds
BASE, IMAGE = "ostler-test/python:3.12-slim", "ostler-test/ostler"
Docker = Callable[..., str]


@pytest.fixture(scope="session")
def cli(docker: Dockerd) -> Docker:
    """The `docker` command; what it says, or the test fails with that."""

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            ["docker", *words],
            cwd=ROOT,
            env=docker.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout + done.stderr * (bool(code) or words[0] == "logs")

    return run


@pytest.fixture(scope="session")
def image(cli: Docker, built: Built, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image that `docker build` makes of the checkout."""
    try:
        tar = write_base(tmp_path_factory.mktemp("base") / "base.tar", built.wheels)
    except OSError as error:
        pytest.skip(f"NO IMAGE: {error}, so there is no base to build on")
    cli("import", *(f"--change=ENV {one}" for one in SETTINGS), str(tar), BASE)
    tar.unlink()
    cli("build", "--build-arg", f"BASE={BASE}", "--tag", IMAGE, ".")
    return IMAGE


@pytest.fixture
def volume(shell: Shell, tmp_path: Path) -> Path:
    """A home with a model, of the image's user."""
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    home = Path(shell.env["OSTLER_HOME"])
    for place, folders, files in os.walk(home):
        for one in (place, *(os.path.join(place, name) for name in (*folders, *files))):
            os.lchown(one, 1001, 0)
    return home


@contextmanager
def container(cli: Docker, *words: str) -> Iterator[str]:
    """One that runs, and is gone afterwards."""
    name = f"ostler-image-{os.getpid()}"
    cli("run", "--detach", "--init", "--name", name, *words)
    try:
        yield name
    finally:
        cli("rm", "--force", name)


def state(cli: Docker, name: str) -> Any:
    return json.loads(cli("inspect", name))[0]["State"]


def until(true: Callable[[], bool], cli: Docker, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, cli("logs", name)
        time.sleep(0.1)


def asked(port: int, way: str, key: str = "", body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {key}"} if key else {}
    )
    request = urllib.request.Request(f"http://127.0.0.1:{port}{way}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, None


def test_it_serves_and_says_that_it_is_well(image: str, volume: Path, cli: Docker) -> None:
    """Keys are made by a command beside it; it is asked from outside, and ends by SIGTERM."""
    home = ("--volume", f"{volume}:/var/lib/ostler")
    key = (
        cli("run", "--rm", *home, image, "keys", "create", "anna")
        .strip()
        .splitlines()[-1]
        .split()[-1]
    )
    port = free_port("127.0.0.1", range(25000, 26000))
    ways = ("--publish", f"127.0.0.1:{port}:8077", "--env", "OSTLER_HOST=0.0.0.0")
    locked = (
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    )
    quick = ("--health-interval=1s", "--env", "OSTLER_THREADS=1")
    with container(cli, *home, *ways, *locked, *quick, image) as name:
        until(lambda: asked(port, "/health")[0] == 200, cli, name)
        assert asked(port, "/v1/models")[0] == 401
        question = {"model": CHAT, "temperature": 0,
                    "messages": [{"role": "user", "content": "Say hello"}]}  # fmt: skip
        status, answer = asked(port, "/v1/chat/completions", key, question)
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "hello"), answer
        until(lambda: state(cli, name)["Health"]["Status"] == "healthy", cli, name)
        assert cli("exec", name, "id", "-u").strip() == "1001"
        cli("stop", name)
        ended = state(cli, name)
        assert (ended["ExitCode"], ended["OOMKilled"]) == (0, False), cli("logs", name)


def test_on_its_own_it_listens_to_nobody_outside(image: str, cli: Docker) -> None:
    """Loopback is the container's own; an open address without a key is refused."""
    port = free_port("127.0.0.1", range(25000, 26000))
    with container(cli, "--publish", f"127.0.0.1:{port}:8077", image) as name:
        until(lambda: "Ostler serves at http://127.0.0.1:8077" in cli("logs", name), cli, name)
        cli("exec", name, "python3", "-m", "ostler.programs.health")
        assert asked(port, "/health")[0] == 0
    said = cli("run", "--rm", "--env", "OSTLER_HOST=0.0.0.0", image, code=2)
    assert "no key is set" in said


def test_a_server_that_does_not_answer_is_unhealthy(image: str, cli: Docker) -> None:
    said = cli(
        "run", "--rm", "--entrypoint", "python3", image, "-m", "ostler.programs.health", code=1
    )
    assert "does not answer" in said


def test_nothing_but_what_is_needed_is_in_it(image: str, cli: Docker) -> None:
    """Its sources and what built it are not left in it, and its own layers are small."""
    said = cli("run", "--rm", "--entrypoint", "sh", image, "-c", "ls / /tmp; command -v ostler")
    assert "src" not in said.split()
    layers = json.loads(cli("inspect", image))[0]
    base = json.loads(cli("inspect", BASE))[0]
    assert layers["Size"] - base["Size"] < 500 * 10**6
    assert layers["Config"]["User"] == "1001:0"
