"""The page on containers: its commands run, its wishes are accepted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml
from tests.stories.conftest import CHAT, ROOT, Shell, environment

from ostler.core import images
from ostler.faces.server import wishes as w
from ostler.testing.dockerd import Dockerd

PAGE = (ROOT / "docs/howto/containers.md").read_text()
SAFETENSORS = "ostler/tiny-llama"


def test_the_wishes_shown_are_accepted() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    wishes = w.checked(yaml.safe_load(text), Path("containers.md"))
    assert wishes.models["ostler/tiny-llama-GGUF#q8_0"].launcher == "container"
    known = images.choices(wishes.own_images(), gpu=True)
    assert known["sglang"].words == ("python3", "-m", "sglang.launch_server")
    assert known["vllm"].version == "0.27.1"


def test_the_commands_run(tmp_path: Path, shipped_hub: str, docker: Dockerd) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["OSTLER_CONTAINER_SOCKET"] = docker.socket
    for model in (f"{CHAT}#q8_0", SAFETENSORS):
        shell.ok("pull", model, "--quiet")
    image = {"image": docker.image.reference, "command": list(docker.image.words)}
    (tmp_path / "home/ostler.yaml").write_text(yaml.safe_dump({"images": {"llamacpp": image}}))
    commands = re.findall(r"^\$ ostler (.*)\n((?:(?!\$|```).*\n)+)", PAGE, flags=re.M)
    assert len(commands) == PAGE.count("\n$ ostler ") == 10
    for words, expected in commands:
        done = shell.ok(*shlex.split(words))
        assert expected.strip() in done.out, (words, done.out)
