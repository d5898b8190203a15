"""A hub that other programs can talk to, with small repositories and faults on demand."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.visitors import Door
from ostler.testing.dockerd import Dockerd, Unavailable, dockerd
from ostler.testing.faults import Faults
from ostler.testing.server import running

# Laws say what is true, not how fast: on a busy machine a first example may take its time. At a
# desk each run looks for new examples; CI takes the same ones, so that it judges the change alone.
patient = [HealthCheck.too_slow]
settings.register_profile("house", deadline=None, suppress_health_check=patient)
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "house")

TOKEN, GRANTED = "hf_a_member", "hf_a_member_with_consent"

README = """---
license: apache-2.0
pipeline_tag: text-generation
language: [en]
tags: [tiny]
---
# A model for tests
"""


@dataclass(frozen=True)
class HubForTests:
    """A running hub: its address, the folder it serves, and its faults and memory."""

    address: str
    root: Path
    faults: Faults
    token: str = TOKEN  # reads what is private or gated "auto"
    granted: str = GRANTED  # reads also what is gated "manual"

    def path(self, file: str) -> Path:
        """Return where the hub has `org/name/file`."""
        return self.root / file


@pytest.fixture
def hub_root(tmp_path: Path) -> Path:
    root = tmp_path / "hub"
    write_repos(root)
    return root


class Switch:
    """One server for all tests, since a server takes 0.2 s to end: each test puts its hub in."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def hub_server() -> Iterator[tuple[Switch, str]]:
    switch = Switch()
    with running(switch) as address:
        yield switch, address


@pytest.fixture
def hub(hub_root: Path, hub_server: tuple[Switch, str]) -> Iterator[HubForTests]:
    """The hub with `acme/tiny` and its like; anyone may read what is neither gated nor private."""
    switch, address = hub_server
    faults = Faults(hub_app(FolderRepos(hub_root), Door((TOKEN,), (GRANTED,))))
    switch.app = faults
    yield HubForTests(address, hub_root, faults)
    faults.clear()


def write_repos(root: Path) -> None:
    """Write a small hub: a safetensors repo in two shards, a GGUF repo, gated, renamed, private."""
    random = Random(1)
    tiny = {
        "README.md": README.encode(),
        "config.json": json.dumps({"architectures": ["LlamaForCausalLM"]}).encode(),
        "tokenizer.json": b"{}",
        "model-00001-of-00002.safetensors": safetensors(random, "a", 64),
        "model-00002-of-00002.safetensors": safetensors(random, "b", 32),
        "model.safetensors.index.json": json.dumps(
            {
                "metadata": {"total_size": 384},
                "weight_map": {
                    "a": "model-00001-of-00002.safetensors",
                    "b": "model-00002-of-00002.safetensors",
                },
            }
        ).encode(),
        "extra/notes.txt": b"in a folder",
    }
    gguf = {
        "README.md": README.encode(),
        "tiny-Q4_K_M.gguf": b"GGUF" + random.randbytes(300_000),
        "tiny-Q8_0.gguf": b"GGUF" + random.randbytes(600_000),
    }
    card = {"README.md": README.encode(), "model.safetensors": safetensors(random, "w", 8)}
    repos = {
        "acme/tiny": (tiny, {"renamed_from": ["acme/Meta-tiny"], "refs": {"v1": ".v1"}}),
        "acme/tiny-GGUF": (gguf, {}),
        "acme/gated": (card, {"gated": "manual"}),
        "acme/asks": (card, {"gated": "auto"}),
        "other/private": (card, {"private": True}),
    }
    for name, (files, notes) in repos.items():
        write_files(root / name, files)
        (root / name / ".hub.json").write_text(json.dumps(notes))
    write_files(root / "acme/tiny/.v1", {"README.md": README.encode(), "config.json": b"{}"})


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def safetensors(random: Random, name: str, count: int) -> bytes:
    """Return a valid file with one F32 tensor of `count` random numbers."""
    header = json.dumps(
        {name: {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    ).encode()
    values = struct.pack(f"<{count}f", *(random.uniform(-1, 1) for _ in range(count)))
    return struct.pack("<Q", len(header)) + header + values


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """A real dockerd; where none can run, the tests that need it are skipped with the reason."""
    unpacked = Path(__file__).resolve().parents[1] / ".consumers/containers"
    try:
        with dockerd(unpacked, tmp_path_factory.mktemp("docker")) as one:
            yield one
    except Unavailable as why:
        pytest.skip(f"NO CONTAINERS: {why}")
